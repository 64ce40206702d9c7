/** What every engine of the telemetry store must do. An engine's test file runs it over stores of its own making. */
import { describe } from 'vitest';
import { changeContract } from './contracts/generations/changes.js';
import { countedSightingContract } from './contracts/generations/counted-sighting.js';
import { fullTextContract } from './contracts/generations/full-text.js';
import { identityContract } from './contracts/generations/identities.js';
import { generationListContract } from './contracts/generations/lists.js';
import { oneCallContract } from './contracts/generations/one-call.js';
import { generationRowContract } from './contracts/generations/rows.js';
import { GenerationSession } from './contracts/generations/session.js';
import { sumContract } from './contracts/generations/sums.js';
import { idempotencyContract } from './contracts/native/idempotency.js';
import { orderContract } from './contracts/native/order.js';
import { outcomeContract } from './contracts/native/outcomes.js';
import { revisionContract } from './contracts/native/revisions.js';
import { spansOfTraceContract } from './contracts/native/spans-of-a-trace.js';
import { storedBytesContract } from './contracts/native/stored-bytes.js';
import { traceDeclarationContract } from './contracts/native/trace-declarations.js';
import { traceDeletionContract } from './contracts/native/trace-deletion.js';
import { exactlyOnceContract } from './contracts/records/exactly-once.js';
import { lifeContract } from './contracts/records/life.js';
import { logContract } from './contracts/records/logs.js';
import { metricPointContract } from './contracts/records/metric-points.js';
import { pageBudgetContract } from './contracts/records/page-budgets.js';
import { spanContract } from './contracts/records/spans.js';
import { traceContract } from './contracts/records/traces.js';
import { workspaceContract } from './contracts/records/workspaces.js';
import { Session, sessionOpener } from './session.js';
import type { MakeStore } from './store-under-test.js';

export function telemetryContract(engine: string, makeStore: MakeStore): void {
  describe(`telemetry store: ${engine}`, () => {
    const open = sessionOpener(makeStore, Session);
    spanContract(open);
    exactlyOnceContract(open);
    workspaceContract(open);
    traceContract(open);
    logContract(open);
    metricPointContract(open);
    pageBudgetContract(open);
    lifeContract(open);
  });
  describe(`native telemetry: ${engine}`, () => {
    const open = sessionOpener(makeStore, Session);
    traceDeclarationContract(open);
    revisionContract(open);
    outcomeContract(open);
    idempotencyContract(open);
    traceDeletionContract(open);
    orderContract(open);
    spansOfTraceContract(open);
    storedBytesContract(open);
  });
  describe(`generations: ${engine}`, () => {
    const open = sessionOpener(makeStore, GenerationSession);
    generationRowContract(open);
    generationListContract(open);
    fullTextContract(open);
    oneCallContract(open);
    countedSightingContract(open);
    identityContract(open);
    changeContract(open);
    sumContract(open);
  });
}

/** What the audit log is told of native requests: one entry each, or one for each trace that spans were added to. */
import type { AuditEntry } from '../../src/model/audit-entry.js';
import type { LogBody, NativeRequest } from '../../src/model/native.js';
import type { SpanDraft } from './span-payload.js';

type Details = Readonly<Record<string, unknown>>;

/** Of logs of several prompts it names none. */
export function logAudit(request: NativeRequest, logs: readonly LogBody[], details: Details): AuditEntry {
  const promptName = common(logs.map(({ prompt_name }) => prompt_name));
  const versionTag = promptName && common(logs.map(({ version_tag }) => version_tag));
  return request.audit({ action: 'log:create', targetId: promptName, promptName, versionTag, details });
}

function common(values: readonly string[]): string | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

export function spanAudits(
  request: NativeRequest,
  drafts: readonly SpanDraft[],
  { batch }: { batch: boolean },
): AuditEntry[] {
  const byTrace = new Map<string, SpanDraft[]>();
  for (const draft of drafts) {
    const own = byTrace.get(draft.traceId.hex);
    if (own) own.push(draft);
    else byTrace.set(draft.traceId.hex, [draft]);
  }
  return [...byTrace.values()].map((own) =>
    request.audit({
      action: 'trace:span:create',
      targetId: own[0]!.traceId.text,
      details: batch ? { count: own.length } : { span_id: own[0]!.spanId.text },
    }),
  );
}

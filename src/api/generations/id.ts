/** A generation's id: its span's two ids in hex, `<trace>-<span>`, or `log-<id>` of a native log. */
import { z } from 'zod';
import { logIdOf, logTimeOf } from '../../model/native-log-ids.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';
import { hex } from '../json-text.js';

export type Place = { traceId: Uint8Array; spanId: Uint8Array } | { logTimeUnixNano: bigint };

export function generationId({ source, traceId, spanId, startTimeUnixNano }: StoredGeneration): string {
  if (source === 'log') return `log-${logIdOf(startTimeUnixNano)}`;
  return `${hex(traceId!)}-${hex(spanId!)}`;
}

function placeOf(text: string): Place | undefined {
  const [, trace, span] = /^([0-9a-f]{32})-([0-9a-f]{16})$/i.exec(text) ?? [];
  if (trace && span) return { traceId: Buffer.from(trace, 'hex'), spanId: Buffer.from(span, 'hex') };
  const log = /^log-(\d{1,16})$/.exec(text)?.[1];
  const logTimeUnixNano = log === undefined ? undefined : logTimeOf(Number(log));
  return logTimeUnixNano === undefined ? undefined : { logTimeUnixNano };
}

export function generationIdParameter() {
  return z
    .string()
    .transform((text, context): Place => {
      const place = placeOf(text);
      if (place) return place;
      context.addIssue({ code: 'custom', message: 'must be <trace id>-<span id> in hex, or log-<id>', input: text });
      return z.NEVER;
    })
    .meta({
      description: 'Ids of trace and span in hex with a dash between them, or log-<id> of a log',
      examples: ['5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174'],
    });
}

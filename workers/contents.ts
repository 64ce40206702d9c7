/** After the mapping, which reads whole texts, and before the writing: what is large leaves its record (src/model/content.ts). */
import { type ContentField, type Cut, leastChars, takeOut } from '../src/model/content.js';
import type { Generation } from '../src/model/generation.js';
import type { DecodedFrame, LogRecord, RecordContents, Span } from '../src/model/telemetry.js';
import { MAX_WARNING_CHARS, MAX_WARNINGS } from '../src/semconv/warnings.js';

/** What has texts of these fields. */
type Texts = { [field in ContentField]?: string } & Pick<Span | LogRecord, 'contents' | 'generation'>;

/** How many texts were cut. */
export function takeOutContents(
  { spans, logRecords }: Pick<DecodedFrame, 'spans' | 'logRecords'>,
  maxValueBytes: number,
): number {
  // Nearly all texts are shorter: to look at their length is all that they cost.
  const least = leastChars(maxValueBytes);
  let cut = 0;
  for (const span of spans) {
    if (span.attributes.length >= least) cut += takeFrom(span, 'attributes', maxValueBytes);
    if (span.events.length >= least) cut += takeFrom(span, 'events', maxValueBytes);
  }
  for (const record of logRecords) {
    if (record.attributes.length >= least) cut += takeFrom(record, 'attributes', maxValueBytes);
    if (record.body.length >= least) cut += takeFrom(record, 'body', maxValueBytes);
  }
  return cut;
}

function takeFrom(record: Texts, field: ContentField, maxValueBytes: number): number {
  const extraction = takeOut(record[field]!, { field, maxValueBytes });
  if (!extraction) return 0;
  record[field] = extraction.text;
  const { places, cuts } = extraction;
  const taken: RecordContents = places.map((place) => ({ ...place, field }));
  if (taken.length > 0) record.contents = [...(record.contents ?? []), ...taken];
  if (record.generation && cuts.length > 0) warn(record.generation, cuts);
  return cuts.length;
}

/** Before what could not be understood, so that it is told whatever else there is. */
function warn(generation: Generation, cuts: readonly Cut[]): void {
  const warnings = cuts.map(({ attribute, keptBytes, bytes }) =>
    `${attribute.slice(0, MAX_WARNING_CHARS / 2)} was cut: ${keptBytes} of ${bytes} bytes are kept`.slice(
      0,
      MAX_WARNING_CHARS,
    ),
  );
  generation.mappingWarnings = [...warnings, ...generation.mappingWarnings].slice(0, MAX_WARNINGS);
}

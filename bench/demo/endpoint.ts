/** Where OTLP goes, and whether anybody takes it there: exporters would try for a minute before they say so. */

export function otlpEndpoint(): string {
  return (process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? 'http://localhost:4318').replace(/\/$/, '');
}

/** `name=value`, with commas between them, values percent-encoded: OpenTelemetry's specification of exporters. */
export function headersOf(text: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair.includes('='));
  const entries = pairs.map((pair) => {
    const [name, ...value] = pair.split('=');
    return [name!.trim(), decodeURIComponent(value.join('=').trim())];
  });
  return Object.fromEntries(entries);
}

/** Throws what to do when nothing listens, or what listens refuses the key. */
export async function probeOtlp(): Promise<void> {
  const endpoint = otlpEndpoint();
  const headers = { 'content-type': 'application/json', ...headersOf(process.env.OTEL_EXPORTER_OTLP_HEADERS ?? '') };
  const answer = await fetch(`${endpoint}/v1/traces`, { method: 'POST', headers, body: '{}' }).catch(() => undefined);
  if (!answer)
    throw new Error(
      `Nothing takes OTLP at ${endpoint}. Start the gateway in another terminal (npm start), or say where it is: OTEL_EXPORTER_OTLP_ENDPOINT`,
    );
  if (answer.status === 401 || answer.status === 403)
    throw new Error(
      `${endpoint} refuses OTLP without its key: export OTEL_EXPORTER_OTLP_HEADERS="x-api-key=$PROMPTMETRICS_API_KEY"`,
    );
  if (!answer.ok) throw new Error(`${endpoint} answered ${answer.status}: ${await answer.text()}`);
}

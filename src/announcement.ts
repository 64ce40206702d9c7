/** What the gateway says when it is ready: where it is, and lines that work as they are printed. */

type Mode = 'auto' | 'required' | 'off';

export interface Announced {
  addresses: { api: string; otlpHttp: string; otlpGrpc: string };
  dataDirectory: string;
  telemetry: 'SQLite' | 'Postgres';
  /** Who needs a key at which door. */
  access: { apiAuth: Mode; otlpAuth: Mode };
  /** The key that the first start has made; undefined at every other. */
  firstKey: string | undefined;
}

/** Where the key is once it was shown. */
const KEPT_KEY = '$PROMPTMETRICS_API_KEY';

/** Every address of a machine is no address to call. */
function callable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

/** Without quotes, which a log in JSON would escape. From this machine `auto` asks for no key. */
export function announcement({ addresses, dataDirectory, telemetry, access, firstKey }: Announced): string[] {
  const { api, otlpHttp, otlpGrpc } = addresses;
  const key = firstKey ?? KEPT_KEY;
  const apiKey = access.apiAuth === 'required' ? ` -H X-API-Key:${key}` : '';
  const otlpKey = access.otlpAuth === 'required' ? ` OTEL_EXPORTER_OTLP_HEADERS=x-api-key=${key}` : '';
  return [
    `OTLP/HTTP on ${otlpHttp}, OTLP/gRPC on ${otlpGrpc}, API on ${api}`,
    `Data in ${dataDirectory}, telemetry in ${telemetry}`,
    `Send: export OTEL_EXPORTER_OTLP_ENDPOINT=${callable(otlpHttp)}${otlpKey}`,
    `Try: curl${apiKey} ${callable(api)}/v1/traces`,
  ];
}

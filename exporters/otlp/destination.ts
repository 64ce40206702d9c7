/** Where requests go, and how. */
export interface Destination {
  protocol: 'http/protobuf' | 'http/json' | 'grpc';
  /** Over HTTP the whole URL of the signal. grpc: `http://` or `https://`, host and port. */
  url: URL;
  /** Names in lower case. `{workspace}` in a value becomes the id of the workspace. */
  headers: Readonly<Record<string, string>>;
  compression: 'gzip' | 'none';
  timeoutMs: number;
  tls: TlsMaterial;
}

/** Paths of PEM files. */
export interface TlsMaterial {
  certificate?: string | undefined;
  clientKey?: string | undefined;
  clientCertificate?: string | undefined;
}

const WORKSPACE = '{workspace}';

export function isByWorkspace({ headers }: Destination): boolean {
  return Object.values(headers).some((value) => value.includes(WORKSPACE));
}

export function headersFor({ headers }: Destination, workspace: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replaceAll(WORKSPACE, workspace)]),
  );
}

/** Whose request it is: a gateway refuses its own, which came back through a name or a balancer that hid where it leads. */
export const GATEWAY_HEADER = 'promptmetrics-gateway';

/** OTLP exporters say who they are: `<name>/<version> (<system>/<architecture>)`, as the Collector does. */
export function userAgent(version: string): string {
  return `promptmetrics-server/${version} (${process.platform}/${process.arch})`;
}

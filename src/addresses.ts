/** Where a door is, as a client writes it. */

export interface Address {
  protocol: string;
  host: string;
  port: number | undefined;
}

export function urlOf({ protocol, host, port }: Address): string {
  if (port === undefined) return `unix:${host}`;
  const name = host.includes(':') ? `[${host}]` : host;
  return protocol.startsWith('grpc') ? `${name}:${port}` : `${protocol}://${name}:${port}`;
}

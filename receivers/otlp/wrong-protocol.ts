import type { ReceiverEvents, Transport, WrongProtocolEvent } from './events.js';

type Spoken = WrongProtocolEvent['spoken'];

// A port scanner must not make this grow; past the bound a peer may be told twice.
const MAX_PEERS = 1000;

const HINTS: Record<'http' | 'grpc', Partial<Record<Spoken, string>>> = {
  http: {
    'http/2': 'This port speaks OTLP over HTTP/1.1. gRPC clients belong on the gRPC port, 4317 by default.',
    tls: 'This port speaks clear text: use http://, or set OTLP_TLS_CERT_FILE and OTLP_TLS_KEY_FILE.',
    plaintext: 'This port speaks TLS: use https://.',
  },
  grpc: {
    'http/1.1': 'This port speaks gRPC. OTLP/HTTP clients belong on the HTTP port, 4318 by default.',
    tls: 'This port speaks clear text: turn TLS off in the client, or set OTLP_TLS_CERT_FILE and OTLP_TLS_KEY_FILE.',
    plaintext: 'This port speaks gRPC over TLS: turn TLS on in the client.',
  },
};

const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Whether more bytes are needed to tell HTTP/2 from anything else. */
export function isStartOfPreface(head: Buffer): boolean {
  return head.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(head.toString('latin1'));
}

/** What the first bytes of a connection speak; undefined when they are nothing known, or too few to tell. */
export function protocolOf(head: Buffer): Spoken | undefined {
  const start = head.toString('latin1', 0, 24);
  if (start.startsWith('PRI * HTTP/2')) return 'http/2';
  // TLS record: handshake (22), version 3.x.
  if (head[0] === 0x16 && head[1] === 0x03) return 'tls';
  return /^[A-Z]{3,7} \S/.test(start) ? 'http/1.1' : undefined;
}

export interface WrongProtocol {
  /** Reports once per peer. Returns what to tell the client. */
  hint(spoken: Spoken, peer: string): string;
}

export function createWrongProtocol(transport: 'http' | 'grpc', events: ReceiverEvents): WrongProtocol {
  const told = new Set<string>();
  return {
    hint(spoken, peer) {
      const hint = HINTS[transport][spoken] ?? '';
      const key = `${peer} ${spoken}`;
      if (!told.has(key)) {
        if (told.size >= MAX_PEERS) told.clear();
        told.add(key);
        events.wrongProtocol({ transport: transport satisfies Transport, peer, spoken, hint });
      }
      return hint;
    },
  };
}

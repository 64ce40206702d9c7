/** What clients get whose bytes are no HTTP request: node:http leaves these to its `clientError` listener. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../../src/errors.js';
import { encodeStatus } from './status.js';

export interface ClientError extends Error {
  code?: string;
  /** The bytes that the parser stumbled over. */
  rawPacket?: Buffer;
}

export interface RawReply {
  status: number;
  error: GatewayError;
  /** Lines of the answer's head beside those that every answer has. */
  headers?: readonly string[];
}

export function replyTo({ code, message }: ClientError): RawReply {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, error: new GatewayError('REQUEST_TIMEOUT', 'The request took too long to arrive') };
  }
  const error = new GatewayError('BAD_REQUEST', `This is no HTTP request: ${message}`);
  return { status: code === 'HPE_HEADER_OVERFLOW' ? 431 : 400, error };
}

/** Answers where there is no response object to answer with, and closes. */
export function writeRaw(socket: Duplex, { status, error, headers = [] }: RawReply): void {
  const body = encodeStatus(error, 'json');
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...headers,
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]), () => socket.destroy());
}

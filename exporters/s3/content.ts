/** What an object is made of. */
import type { Signal } from '../../src/component.js';
import type { Compression, Format } from './config.js';

export interface ContentPart {
  /** Undefined for a dead letter that is sent again. */
  sequence: number | undefined;
  piece: string;
  receivedTimeUnixMs: number;
  bytes: number;
}

export interface ObjectContent {
  signal: Signal;
  workspace: string;
  format: Format;
  compression: Compression;
  gatewayId: string;
  /** What the payload is joined of, in its order. */
  parts: readonly ContentPart[];
  payload: Uint8Array;
}

/** Dead letters on their way back to the backend that refused them. */
import type { FrameInput, Signal } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import { bufferOf } from './buffer-view.js';
import type { Chooser, Tell } from './chooser.js';
import type { RefusedLetter } from './letters.js';
import type { Transcode } from './transcoding.js';
import { asRetry, type Transport } from './transport.js';

/** A dead letter's frame. */
export type ResentFrame = FrameInput & Pick<RefusedLetter, 'sequence' | 'isUnprocessed'>;

export interface ResendingOptions {
  exporter: string;
  transports: Partial<Record<Signal, Transport>>;
  chooser: Chooser | undefined;
  toProtobuf: Transcode;
  ended: AbortSignal;
  tell: Tell;
}

/** Once, now. Rejects with BACKEND_UNAVAILABLE, or CONFLICT when the backend refuses it again. */
export async function resend(frame: ResentFrame, options: ResendingOptions): Promise<void> {
  const { exporter, transports, ended } = options;
  const { signal, workspace } = frame;
  const transport = transports[signal];
  if (!transport) throw new GatewayError('CONFLICT', `The exporter ${exporter} sends no ${signal}`);
  const payload = await resendable(frame, options).catch((error: unknown) => Promise.reject(asUnavailable(error)));
  if (payload === undefined) return;
  const answer = await transport.send({ signal, workspace, payload }, ended).catch(asRetry);
  if (answer.kind !== 'accepted') {
    const words = `The exporter ${exporter} could not deliver it: ${answer.reason}`;
    throw new GatewayError(answer.kind === 'retry' ? 'BACKEND_UNAVAILABLE' : 'CONFLICT', words);
  }
  // What it refused is nowhere but in the letter.
  if (answer.rejected > 0) {
    const words = `The backend of ${exporter} took it but for ${answer.rejected} items: ${answer.message}`;
    throw new GatewayError('CONFLICT', words);
  }
}

/** undefined where the configuration keeps all of it from this exporter. What is JSON was never chosen from. */
async function resendable(frame: ResentFrame, options: ResendingOptions): Promise<Buffer | undefined> {
  const { exporter, chooser } = options;
  if (frame.isUnprocessed && chooser !== undefined) {
    throw new GatewayError('CONFLICT', `It could not be processed, and ${exporter} gets nothing that was not`);
  }
  const bytes = Buffer.concat(frame.payload instanceof Uint8Array ? [frame.payload] : frame.payload);
  if (frame.encoding === 'protobuf') return bytes;
  const made = await options.toProtobuf(frame.signal, bytes);
  if (made.payload === undefined) throw new GatewayError('CONFLICT', `It can't be read: ${made.reason}`);
  const payload = bufferOf(made.payload);
  return chooser === undefined ? payload : chosenFrom(frame, payload, chooser, options);
}

async function chosenFrom(
  { sequence, signal, workspace, items }: ResentFrame,
  payload: Buffer,
  chooser: Chooser,
  { exporter, ended, tell }: ResendingOptions,
): Promise<Buffer | undefined> {
  const part = { sequence, piece: '', signal, workspace, items, receivedTimeUnixMs: Date.now(), payload };
  const chosen = await chooser.choose([part], ended, tell);
  if (ended.aborted) throw new GatewayError('SHUTTING_DOWN', `The exporter ${exporter} is ending`);
  return chosen[0]?.payload;
}

/** What a lost thread says is no fault of who asked. */
function asUnavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('BACKEND_UNAVAILABLE', `It could not be made ready: ${(error as Error).message}`);
}

/** The life of a gRPC connection beside its calls. */
import type { ServerHttp2Session } from 'node:http2';
import { connectionAgeMs } from './receiver.js';

export interface AgeConfig {
  maxConnectionAgeMs: number;
  maxConnectionAgeGraceMs: number;
}

/** Asks the client to come again on a new connection once this one is old, and lets its calls end. */
export function limitAge(session: ServerHttp2Session, config: AgeConfig): void {
  const ageMs = connectionAgeMs(config.maxConnectionAgeMs);
  if (ageMs === Number.POSITIVE_INFINITY) return;
  let timer = setTimeout(() => {
    session.close();
    timer = setTimeout(() => session.destroy(), config.maxConnectionAgeGraceMs).unref();
  }, ageMs).unref();
  session.once('close', () => clearTimeout(timer));
}

export interface KeepAliveConfig {
  grpcKeepAliveIntervalMs: number;
  grpcKeepAliveTimeoutMs: number;
}

/** A peer that vanished without a word holds its session until a ping stays unanswered. */
export function keepAlive(session: ServerHttp2Session, config: KeepAliveConfig): void {
  if (config.grpcKeepAliveIntervalMs === 0) return;
  let patience: NodeJS.Timeout | undefined;
  const ping = () => {
    if (session.destroyed || patience !== undefined) return;
    patience = setTimeout(() => session.destroy(), config.grpcKeepAliveTimeoutMs).unref();
    session.ping(() => {
      clearTimeout(patience);
      patience = undefined;
    });
  };
  const timer = setInterval(ping, config.grpcKeepAliveIntervalMs).unref();
  session.once('close', () => {
    clearInterval(timer);
    clearTimeout(patience);
  });
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Signal } from '../component.js';

/** The native request of a path that OTLP shares: its group makes it, and the group that reads the body calls it. */
export interface NativeRoute {
  /** In the document, beside what is said of OTLP. */
  summary: string;
  body: z.ZodType;
  example: unknown;
  response: Readonly<Record<number, z.ZodType>>;
  /** NDJSON is taken too. */
  lines: boolean;
  answer(request: FastifyRequest, reply: FastifyReply, body: Buffer): Promise<FastifyReply>;
}

export type NativeRoutes = Partial<Record<Signal, NativeRoute>>;

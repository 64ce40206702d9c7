/** Fields of JSON bodies, read as clients of this API write them: a number may come as text. */
import { z } from 'zod';

function numberOf(given: unknown): unknown {
  return typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
}

export function integerField(min: number, max: number) {
  return z.preprocess(numberOf, z.number().int().min(min).max(max));
}

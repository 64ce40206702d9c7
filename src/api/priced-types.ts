/** What has a rate, as this API writes it: in prices, and in what a cost is made of. */
import type { PricedType } from '../model/generation.js';

export const RATE_NAMES = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
  cacheWrite1h: 'cache_write_1h',
  cacheReadAudio: 'cache_read_audio',
  reasoning: 'reasoning',
  inputAudio: 'input_audio',
  outputAudio: 'output_audio',
  inputImage: 'input_image',
  outputImage: 'output_image',
  webSearches: 'web_searches',
  requests: 'requests',
} as const satisfies Record<PricedType, string>;

export type RateName = (typeof RATE_NAMES)[PricedType];

export const PRICED_TYPES = Object.keys(RATE_NAMES) as PricedType[];

/** Which version of several a unit gets: always the same one, and each as often as its weight says. */
import { hash } from 'node:crypto';

export interface Weighted {
  readonly weight: number;
}

/** As many as fit into a number. */
const HASH_BYTES = 6;
const HASHES = 2 ** (8 * HASH_BYTES);

/** Between 0 and 1, and neither of them. */
function uniform(seed: string, version: string, unit: string): number {
  // JSON, so that no two triples are the same text.
  const digest = hash('sha256', JSON.stringify([seed, version, unit]), 'buffer');
  return (digest.readUIntBE(0, HASH_BYTES) + 0.5) / HASHES;
}

/**
 * Weighted rendezvous hashing: each version draws a time, the shorter the more it weighs, and the first one wins. A
 * weight that grows makes its version's times shorter and changes no other: units come to it, and none goes elsewhere.
 * The seed is the label's, so that the splits of different labels have nothing to do with each other.
 */
export function assign<Variant extends Weighted & { version: { version: string } }>(
  variants: readonly Variant[],
  seed: string,
  unit: string,
): Variant {
  let first = variants[0]!;
  let earliest = Number.POSITIVE_INFINITY;
  for (const variant of variants) {
    const time = -Math.log(uniform(seed, variant.version.version, unit)) / variant.weight;
    if (time < earliest) [first, earliest] = [variant, time];
  }
  return first;
}

/** The first one of those that weigh most. */
export function heaviest<Variant extends Weighted>(variants: readonly Variant[]): Variant {
  return variants.reduce((most, each) => (each.weight > most.weight ? each : most));
}

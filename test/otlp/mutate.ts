/** Damages a payload the way that broken senders and networks do. */
import type { Random } from './random-request.js';

export function mutate(random: Random, body: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(body);
  const times = 1 + random.below(3);
  for (let i = 0; i < times; i++) mutated = random.pick(MUTATIONS)(random, mutated);
  return mutated;
}

const MUTATIONS: ((random: Random, body: Buffer) => Buffer)[] = [
  function flipBit(random, body) {
    if (body.length > 0) body[random.below(body.length)]! ^= 1 << random.below(8);
    return body;
  },
  function setByte(random, body) {
    if (body.length > 0) body[random.below(body.length)] = random.pick([0, 0x7f, 0x80, 0xff, random.below(256)]);
    return body;
  },
  /** Near the start stand the tags and lengths of the outer messages. */
  function changeHead(random, body) {
    const at = random.below(Math.min(body.length, 24));
    if (body.length > 0) body[at] = (body[at]! + random.pick([1, 255, 2, 128])) & 0xff;
    return body;
  },
  function truncate(random, body) {
    return body.subarray(0, random.below(body.length + 1));
  },
  function insert(random, body) {
    const at = random.below(body.length + 1);
    return Buffer.concat([body.subarray(0, at), random.bytes(1 + random.below(6)), body.subarray(at)]);
  },
  function remove(random, body) {
    const at = random.below(body.length + 1);
    return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + random.below(4))]);
  },
  function repeat(random, body) {
    const at = random.below(body.length + 1);
    const piece = body.subarray(at, at + random.below(40));
    return Buffer.concat([body.subarray(0, at), piece, piece, body.subarray(at + piece.length)]);
  },
];

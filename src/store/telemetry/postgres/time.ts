/** Times are stored as signed 64-bit integers: one past 2^63 − 1 ns comes back exact, but sorts before 1970. */
const MAX_SIGNED = 2n ** 63n - 1n;
const MODULUS = 2n ** 64n;

export function signed(time: bigint): bigint {
  return time > MAX_SIGNED ? time - MODULUS : time;
}

export function unsigned(time: bigint): bigint {
  return time < 0n ? time + MODULUS : time;
}

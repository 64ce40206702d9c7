/**
 * Options of an LRU cache of so many entries. Told by `max`, it would make its lists of that length as it is created: 3 MB
 * and some 10 ms for 100,000, of which most gateways need few.
 */
export function growingTo(max: number): { maxSize: number; sizeCalculation: () => number } {
  return { maxSize: max, sizeCalculation: () => 1 };
}

declare module 'fs-native-extensions' {
  /** Asks for an exclusive lock of the whole file; false when another descriptor holds it. */
  export function tryLock(fd: number): boolean;
}

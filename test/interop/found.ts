import { find, PROGRAMS } from './programs.js';

/** Says at the start which programs there are to test against. */
export function setup(): void {
  for (const program of PROGRAMS) {
    const file = find(program);
    const words = file ?? `not found, skipped (${program.commands[0]} on the PATH, or ${program.variable})`;
    process.stdout.write(`interop: ${program.name}: ${words}\n`);
  }
}

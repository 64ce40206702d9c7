import { defineConfig } from 'vitest/config';
import { compiledThreads } from './test/helpers/joined-sources.js';

const shared = {
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // What is polled for comes as late as a busy machine lets it; the default is a second.
  expect: { poll: { timeout: 20_000 } },
};

/** What counts what is open in its process, or replaces modules in it; what starts many programs, or holds much in memory. */
const ALONE = [
  'test/{registry,store/telemetry}/**/*.test.ts',
  'test/architecture/components.test.ts',
  'test/workers/native-frames.test.ts',
];

export default defineConfig({
  test: {
    maxWorkers: 2,
    // Once for a run, and not once for each project.
    globalSetup: ['test/helpers/joined-sources.ts', 'test/helpers/postgres-of-run.ts'],
    projects: [
      // Files that share a process load each module once in it: half a second of CPU less for each file. So a helper
      // registers a hook where a test, or a suite, calls it; one that it registers as it is loaded runs in the first file alone.
      {
        plugins: [compiledThreads],
        test: {
          ...shared,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/process/**', ...ALONE],
          isolate: false,
        },
      },
      { plugins: [compiledThreads], test: { ...shared, name: 'alone', include: ALONE } },
      // Whole-process tests run what `npm start` runs, so they build it first.
      {
        test: {
          ...shared,
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          globalSetup: ['test/helpers/build.ts'],
        },
      },
    ],
  },
});

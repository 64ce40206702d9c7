import { defineConfig } from 'vitest/config';
import { compiledThreads } from './test/helpers/joined-sources.js';

const shared = {
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // What is polled for comes as late as a busy machine lets it; the default is a second.
  expect: { poll: { timeout: 20_000 } },
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    // Once for a run, and not once for each project.
    globalSetup: ['test/helpers/joined-sources.ts', 'test/helpers/postgres-of-run.ts'],
    projects: [
      {
        plugins: [compiledThreads],
        test: {
          ...shared,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/process/**'],
        },
      },
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

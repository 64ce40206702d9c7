import { defineConfig } from 'vitest/config';

const shared = {
  pool: 'forks' as const,
  // Worker threads inherit these flags, so piscina can load the TypeScript entry files that the tests exercise.
  execArgv: ['--import', 'tsx'],
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'parts', include: ['test/**/*.test.ts'], exclude: ['test/process/**'] } },
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

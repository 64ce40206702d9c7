import { defineConfig } from 'vitest/config';

/** `npm run test:interop`: against programs of others, which are not part of this repository. See deploy/README.md. */
export default defineConfig({
  test: {
    name: 'interop',
    pool: 'forks',
    execArgv: ['--import', 'tsx'],
    include: ['test/interop/**/*.interop.ts'],
    globalSetup: ['test/helpers/build.ts', 'test/interop/found.ts'],
    // Each suite runs a gateway and a backend, and counts what arrives.
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

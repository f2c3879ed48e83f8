import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,libs,dev,bench,faults}/**/*.spec.ts', 'test/tidy.spec.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.spec.ts'],
          exclude: ['test/tidy.spec.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          // Generous: the machine may be busy. Tests wait for conditions, so a quick one stays quick.
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // One file at a time: each starts processes of its own on a shared broker.
          fileParallelism: false,
        },
      },
    ],
  },
});

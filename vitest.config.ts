import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // The command-line tests spawn real processes; two cores carry two of them at a time.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
})

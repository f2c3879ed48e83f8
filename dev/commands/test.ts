import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeInterrupts } from '../process/interrupt.ts';
import { readJson } from '../stack/directory.ts';
import {
  addCounts,
  type Counts,
  countTests,
  describeFailures,
  formatCounts,
  NO_TESTS,
} from './test-counts.ts';
import { buildStep, runScript, runSteps, staticChecks, type Step } from './tools.ts';

/** Their figures mean nothing here; they must only work when somebody wants to know. */
const quickBenchmarks: Step[] = [
  { name: 'Benchmark (quick)', run: (signal) => runScript('bench', ['--quick'], signal) },
  {
    name: 'Profile (quick)',
    run: (signal) => runScript('bench', ['--quick', '--profile'], signal),
  },
];

/**
 * `npm test`: every check and every test. Arguments are handed to vitest: `npm test -- -t 'cancel'`; then the benchmarks
 * are left out, because only some of the tests are wanted.
 */
export async function testCommand(args: string[]): Promise<number> {
  const { stop } = takeInterrupts();
  const reports = mkdtempSync(join(tmpdir(), 'security-actions-test-'));
  const failures: string[] = [];
  let counts: Counts = NO_TESTS;
  const tests = (name: string, project: string): Step => ({
    name,
    run: async (signal) => {
      const file = join(reports, `${project}.json`);
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
      const passed = await runScript(`test:${project}`, [...reporters, ...args], signal);
      const report = readJson(file);
      counts = addCounts(counts, countTests(report));
      failures.push(...describeFailures(report));
      return passed;
    },
  });
  try {
    const failed = await runSteps(
      [
        buildStep,
        ...staticChecks,
        tests('Unit tests', 'unit'),
        tests('Integration tests', 'integration'),
        ...(args.length === 0 ? quickBenchmarks : []),
      ],
      stop,
    );
    for (const failure of failures) console.log(failure);
    if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}`);
    console.log(formatCounts(counts));
    return failed.length === 0 && counts.failed === 0 && counts.passed > 0 ? 0 : 1;
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

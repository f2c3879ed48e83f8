import { describe, expect, it } from 'vitest';
import { addCounts, countTests, describeFailures, formatCounts, NO_TESTS } from './test-counts.ts';

const report = {
  numPassedTests: 3,
  numFailedTests: 1,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [
    file('passed', [{ status: 'passed', fullName: 'goes well', failureMessages: [] }]),
    file('failed', [
      { status: 'failed', fullName: 'goes ill', failureMessages: ['expected 1\nto be 2'] },
    ]),
  ],
};

function file(status: string, assertionResults: object[], message = '') {
  return { name: 'a.spec.ts', status, message, assertionResults };
}

describe('countTests', () => {
  it('reads the counts of a report', () => {
    expect(countTests(report)).toEqual({ passed: 3, failed: 1, skipped: 2 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const broken = file('failed', []);
    const { failed } = countTests({ ...report, testResults: [...report.testResults, broken] });
    expect(failed).toBe(2);
  });

  it('counts a file of which a hook failed as a failure', () => {
    const skipped = file('failed', [{ status: 'skipped', fullName: 'is not run' }]);
    const { failed } = countTests({ ...report, testResults: [...report.testResults, skipped] });
    expect(failed).toBe(2);
  });

  it('counts nothing when vitest wrote no report', () => {
    expect(countTests(undefined)).toEqual(NO_TESTS);
  });
});

describe('describeFailures', () => {
  it('names each failed test and what it said', () => {
    expect(describeFailures(report)).toEqual(['a.spec.ts: goes ill\n  expected 1\n  to be 2']);
  });

  it('names a file that could not be loaded', () => {
    const broken = { ...report, testResults: [file('failed', [], 'SyntaxError')] };
    expect(describeFailures(broken)).toEqual(['a.spec.ts\n  SyntaxError']);
  });

  it('shows the beginning of what is long, and of what is many', () => {
    const tests = Array.from({ length: 99 }, () => ({
      status: 'failed',
      fullName: 'goes ill',
      failureMessages: ['x'.repeat(9999), 'y\n'.repeat(99)],
    }));
    const shown = describeFailures({ ...report, testResults: [file('failed', tests)] });
    expect(shown).toHaveLength(20);
    expect(shown.join('\n').length).toBeLessThan(20 * 500);
  });

  it('says nothing when vitest wrote no report', () => {
    expect(describeFailures(undefined)).toEqual([]);
  });
});

describe('formatCounts', () => {
  it('names skipped tests only when there are some', () => {
    expect(formatCounts({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed');
    const sum = addCounts({ passed: 2, failed: 0, skipped: 0 }, countTests(report));
    expect(formatCounts(sum)).toBe('5 passed, 1 failed, 2 skipped');
  });
});

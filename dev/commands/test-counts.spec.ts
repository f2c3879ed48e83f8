import { describe, expect, it } from 'vitest';
import { addCounts, countTests, formatCounts, NO_TESTS } from './test-counts.ts';

const report = {
  numPassedTests: 3,
  numFailedTests: 1,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [
    { status: 'passed', assertionResults: [{}] },
    { status: 'failed', assertionResults: [{}] },
  ],
};

describe('countTests', () => {
  it('reads the counts of a report', () => {
    expect(countTests(report)).toEqual({ passed: 3, failed: 1, skipped: 2 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const broken = { status: 'failed', assertionResults: [] };
    const { failed } = countTests({ ...report, testResults: [...report.testResults, broken] });
    expect(failed).toBe(2);
  });

  it('counts nothing when vitest wrote no report', () => {
    expect(countTests(undefined)).toEqual(NO_TESTS);
  });
});

describe('formatCounts', () => {
  it('names skipped tests only when there are some', () => {
    expect(formatCounts({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed');
    const sum = addCounts({ passed: 2, failed: 0, skipped: 0 }, countTests(report));
    expect(formatCounts(sum)).toBe('5 passed, 1 failed, 2 skipped');
  });
});

/** How many tests passed, failed and were skipped. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: FileResult[];
}

interface FileResult {
  name: string;
  status: string;
  /** Why the file could not be loaded. */
  message: string;
  assertionResults: { status: string; fullName: string; failureMessages: string[] | null }[];
}

// Enough to tell what went wrong, little enough for the end of a log that keeps only its end.
const SHOWN_FAILURES_MAX = 20;
const SHOWN_LINES_MAX = 12;
const SHOWN_LINE_CHARACTERS_MAX = 300;

export const NO_TESTS: Counts = { passed: 0, failed: 0, skipped: 0 };

/** Counts a file that failed without a failed test (it could not be loaded, or a hook failed) as one: vitest reports none for it. */
export function countTests(report: unknown): Counts {
  if (!isReport(report)) return NO_TESTS;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.testResults.filter(isBroken).length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Each failed test with the beginning of what it said, for whoever reads only the end of a long log. */
export function describeFailures(report: unknown): string[] {
  if (!isReport(report)) return [];
  const failures = report.testResults.flatMap((file) => [
    ...(isBroken(file) ? [shorten(file.name, [file.message])] : []),
    ...file.assertionResults
      .filter(({ status }) => status === 'failed')
      .map((test) => shorten(`${file.name}: ${test.fullName}`, test.failureMessages ?? [])),
  ]);
  return failures.slice(0, SHOWN_FAILURES_MAX);
}

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** The file could not be loaded, or a hook failed, so that none of its tests did. */
function isBroken({ status, assertionResults }: FileResult): boolean {
  return status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
}

function shorten(title: string, messages: string[]): string {
  const lines = messages.flatMap((message) => message.split('\n')).slice(0, SHOWN_LINES_MAX);
  return [title, ...lines.map((line) => `  ${line.slice(0, SHOWN_LINE_CHARACTERS_MAX)}`)].join(
    '\n',
  );
}

function isReport(report: unknown): report is Report {
  return typeof report === 'object' && report !== null && 'testResults' in report;
}

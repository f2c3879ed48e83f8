import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import { type Verdict, check, formatViolation } from './checker/check.ts';
import { PROMISES, type PromiseName } from './checker/rule.ts';
import type { Entry, EntryOf } from './history.ts';
import { badStops } from './stops.ts';

/*
 * What a run is worth: a run in which nothing happened breaks no promise either, and is no evidence.
 */

const NAMES = Object.keys(PROMISES) as PromiseName[];
/** Fewer say little, whatever became of them. */
const ACTIONS_MIN = 50;

export interface Evidence {
  verdict: Verdict;
  /** What is wrong with the run, a sentence or a story each: broken promises, and what it fails to put to the test. */
  faults: string[];
  /** It as a row of the Markdown table below `TABLE_HEAD`. */
  row: string;
}

export const TABLE_HEAD = [
  `| Seed | Seconds | Requests | Messages | Actions | Faults | ${NAMES.join(' | ')} | Broken |`,
  `|${' --- |'.repeat(6 + NAMES.length + 1)}`,
];

/** Judges a history. @throws Error when it does not say what was run */
export function evidenceOf(history: readonly Entry[]): Evidence {
  const verdict = check(history);
  const again = `  ${againWith(history)}`;
  return {
    verdict,
    faults: [
      ...verdict.violations.map((violation) => `${formatViolation(violation)}\n${again}`),
      ...(isWhole(history) ? shortcomingsOf(history, verdict) : [breakOf(verdict)]),
    ],
    row: rowOf(history, verdict),
  };
}

/** The guarantees that none of these runs put to the test, a sentence each: of them the runs together say nothing. */
export function neverTested(verdicts: readonly Verdict[]): string[] {
  const examined = new Map<string, number>();
  for (const { promise, guarantee, examined: count } of verdicts.flatMap((one) => one.guarantees)) {
    const name = `${promise} (${PROMISES[promise]}): ${guarantee}`;
    examined.set(name, (examined.get(name) ?? 0) + count);
  }
  return [...examined]
    .filter(([, count]) => count === 0)
    .map(([name]) => `Never put to the test: ${name}.`);
}

/** The row of a run that came to no end: it says nothing of any promise. */
export function brokenRow(seed: number, seconds: number): string {
  const unknown = Array.from({ length: 4 + NAMES.length }, () => '');
  return `| ${[seed, seconds, ...unknown, 'broken off'].join(' | ')} |`;
}

/** The command that makes such a run again. */
function againWith(history: readonly Entry[]): string {
  const { seed, seconds, nemeses } = only(history, 'run')[0]!;
  return `To run it again: npm run faults -- --seed ${seed} --seconds ${seconds} --nemesis ${nemeses.join(',')}`;
}

function isWhole(history: readonly Entry[]): boolean {
  return only(history, 'end').length > 0;
}

function breakOf({ leftOut }: Verdict): string {
  return [
    'The run broke off: its history has no end. That was not judged:',
    ...leftOut.map(({ promise, guarantee }) => `  ${promise}: ${guarantee}`),
  ].join('\n');
}

function shortcomingsOf(history: readonly Entry[], { examined }: Verdict): string[] {
  const [run] = only(history, 'run');
  const rows = only(history, 'row');
  const struck = strikesOf(history);
  const open = rows.filter(({ action }) => !isTerminal(action.status));
  return [
    ...run!.nemeses
      .filter((nemesis) => !struck.has(nemesis))
      .map((nemesis) => `The nemesis ${nemesis} was asked for and never struck.`),
    ...NAMES.filter((name) => examined[name] === 0).map(
      (name) => `${name} (${PROMISES[name]}) was never put to the test.`,
    ),
    ...(rows.length < ACTIONS_MIN ? [`Only ${rows.length} actions were made.`] : []),
    ...(rows.some(({ action }) => action.status === 'Completed') ? [] : ['No action Completed.']),
    ...(open.length > 0 ? [`${open.length} actions had not ended long after the last fault.`] : []),
    ...unrestOf(history),
    ...endedByThemselves(history),
    ...badStops(history),
  ];
}

function unrestOf(history: readonly Entry[]): string[] {
  return only(history, 'end')
    .filter(({ isQuiet }) => !isQuiet)
    .map(
      ({ left = ['something'] }) =>
        `Still under way long after the last fault: ${left.join('; ')}.`,
    );
}

/** A line for each process: one that ends at each start does so again and again. */
function endedByThemselves(history: readonly Entry[]): string[] {
  const groups = Map.groupBy(
    only(history, 'ended'),
    ({ process, isStarting = false }) =>
      `${process} ended by itself${isStarting ? ' while starting' : ''}`,
  );
  return [...groups].map(([what, [first, ...later]]) => {
    const times = later.length > 0 ? ` ${later.length + 1} times, first` : ',';
    return `${what}${times} ${Math.round(first!.atMs / 1000)} s after the beginning.`;
  });
}

function rowOf(history: readonly Entry[], { examined, violations }: Verdict): string {
  const [run] = only(history, 'run');
  const broken = [...new Set(violations.map(({ promise }) => promise))];
  const cells = [
    run!.seed,
    run!.seconds,
    only(history, 'invoke').length,
    only(history, 'produced').length,
    counted(only(history, 'row').map(stateOf)),
    listed(strikesOf(history)),
    ...NAMES.map((name) => examined[name]),
    [...broken, ...(isWhole(history) ? [] : ['broken off'])].join(', ') || 'none',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What an outcome that nobody could know is, it is neither done nor not done. */
function stateOf({ action: { status, errorInfo } }: EntryOf<'row'>): string {
  return errorInfo?.code === FAILURE_CODES.outcomeUnknown ? 'unknown' : status;
}

/** By nemesis, how many of its faults did anything. */
function strikesOf(history: readonly Entry[]): Map<string, number> {
  const striking = only(history, 'fault').filter(({ hits = 0 }) => hits > 0);
  return countsOf(striking.map(({ nemesis }) => nemesis));
}

function counted(names: string[]): string {
  return `${names.length}: ${listed(countsOf(names))}`;
}

function listed(counts: Map<string, number>): string {
  return [...counts]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

function countsOf(names: string[]): Map<string, number> {
  const groups = Map.groupBy(names, (name) => name);
  return new Map([...groups].map(([name, { length }]) => [name, length]));
}

function only<Kind extends Entry['kind']>(history: readonly Entry[], kind: Kind): EntryOf<Kind>[] {
  return history.filter((entry): entry is EntryOf<Kind> => entry.kind === kind);
}

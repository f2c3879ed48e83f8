import { describe, expect, it } from 'vitest';
import { soundRun } from './checker/sound-run.fixture.ts';
import { TABLE_HEAD, brokenRow, evidenceOf, neverTested } from './evidence.ts';
import type { Entry } from './history.ts';

/** As a run is recorded in which each fault struck once. */
const struck = (): Entry[] =>
  soundRun().map((entry) =>
    entry.kind === 'fault' && entry.phase === 'end' ? { ...entry, hits: 1 } : entry,
  );

/** What two of its actions wait for is a hold, and it is shorter than a run that is worth something. */
const SHORTCOMINGS = [
  'Only 21 actions were made.',
  '2 actions had not ended long after the last fault.',
];

describe('neverTested', () => {
  it('names the guarantees that none of several runs put to the test', () => {
    const withoutPoison = struck().filter(
      (entry) => entry.kind !== 'produced' || entry.poison === null,
    );
    const [all, most] = [struck(), withoutPoison].map((history) => evidenceOf(history).verdict);
    const poison = [
      'Never put to the test: P7 (Poison passes by): poison ends as a dead letter, with its cause and its bytes.',
      'Never put to the test: P7 (Poison passes by): what lies behind poison is handled.',
    ];
    expect(neverTested([most!, most!])).toEqual(expect.arrayContaining(poison));
    for (const one of poison) expect(neverTested([most!, all!])).not.toContain(one);
  });
});

describe('evidenceOf', () => {
  it('judges of a run that broke off what can be judged of a part, and says what cannot', () => {
    const { faults, row } = evidenceOf(struck().filter(({ kind }) => kind !== 'end'));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('The run broke off');
    expect(faults[0]).toContain('P1: what was accepted is stored');
    expect(faults[0]).not.toContain('P3: status moves forward only');
    expect(row).toMatch(/\| broken off \|$/);
  });

  it('says what keeps a run in which no promise was broken from being evidence', () => {
    expect(evidenceOf(struck()).faults).toEqual(SHORTCOMINGS);
  });

  it('does not take for evidence what asked for a nemesis that never did anything', () => {
    const missed = struck().map((entry) =>
      entry.kind === 'fault' && entry.nemesis === 'kill' ? { ...entry, hits: 0 } : entry,
    );
    expect(evidenceOf(missed).faults).toContain('The nemesis kill was asked for and never struck.');
  });

  it('says which promise was never put to the test', () => {
    const withoutPoison = struck().filter(
      (entry) => entry.kind !== 'produced' || entry.poison === null,
    );
    expect(evidenceOf(withoutPoison).faults).toContain(
      'P7 (Poison passes by) was never put to the test.',
    );
  });

  it('says what was still under way, and what ended by itself', () => {
    const history = struck();
    const ended: Entry = { kind: 'ended', atMs: 1499, process: 'worker-1' };
    const lastly: Entry = {
      kind: 'end',
      atMs: history.at(-1)!.atMs,
      isQuiet: false,
      left: ['2 actions', 'reports/1 at 3 of 5'],
    };
    expect(evidenceOf([...history.slice(0, -1), ended, lastly]).faults).toEqual([
      ...SHORTCOMINGS,
      'Still under way long after the last fault: 2 actions; reports/1 at 3 of 5.',
      'worker-1 ended by itself, 1 s after the beginning.',
    ]);
  });

  it('says once what ended at its starts again and again', () => {
    const history = struck();
    const ended = [3000, 4000].map((atMs): Entry => ({
      kind: 'ended',
      atMs,
      process: 'api-1',
      isStarting: true,
    }));
    expect(evidenceOf([...history, ...ended]).faults).toEqual([
      ...SHORTCOMINGS,
      'api-1 ended by itself while starting 2 times, first 3 s after the beginning.',
    ]);
  });

  it('tells the story of a broken promise, and names it in its row', () => {
    const history = struck().filter((entry) => entry.kind !== 'deadLetter');
    const { faults, row } = evidenceOf(history);
    const [story] = faults.filter((fault) => fault.startsWith('P7 Poison passes by'));
    expect(story).toMatch(
      /\n  To run it again: npm run faults -- --seed 1 --seconds 60 --nemesis kill$/,
    );
    expect(row).toMatch(/\| P7 \|$/);
  });

  it('counts actions by what became of them, and faults by what they did', () => {
    expect(evidenceOf(struck()).row).toMatchInlineSnapshot(
      `"| 1 | 60 | 44 | 5 | 21: 14 Completed, 4 Failed, 2 NotStarted, 1 unknown | 4 cut, 2 kill, 1 pause | 62 | 181 | 77 | 5 | 3 | 113 | 5 | 6 | 6 | none |"`,
    );
  });

  it('has a row for a run that came to no end, with as many columns as any', () => {
    const columns = (row: string) => row.split('|').length;
    expect(brokenRow(7, 60)).toMatch(/^\| 7 \| 60 \| .*\| broken off \|$/);
    expect(columns(brokenRow(7, 60))).toBe(columns(TABLE_HEAD[0]!));
  });
});

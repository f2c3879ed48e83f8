import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHistory } from '../history.ts';
import { check } from './check.ts';
import { EXCUSED, type Finding, PROMISES, judgeEach } from './rule.ts';
import { RunBuilder } from './run-builder.fixture.ts';
import { soundRun } from './sound-run.fixture.ts';

describe('check', () => {
  it('finds every promise kept, and each examined, in a run in which all that may happen happens', () => {
    const { examined, violations } = check(soundRun());
    expect(violations).toEqual([]);
    expect(Object.keys(examined)).toEqual(Object.keys(PROMISES));
    expect(Object.values(examined).every((count) => count > 0)).toBe(true);
  });

  it('takes a history as it was written to a file', () => {
    const text = soundRun()
      .map((entry) => `${JSON.stringify(entry)}\n`)
      .join('');
    expect(parseHistory(text)).toEqual(soundRun());
  });

  it('judges by the times, whatever the order of the lines', () => {
    const history = soundRun();
    const lines = fc.shuffledSubarray([...history.keys()], { minLength: history.length });
    const judged = check(history);
    fc.assert(
      fc.property(lines, (order) => {
        expect(check(order.map((line) => history[line]!))).toEqual(judged);
      }),
    );
  });

  it('says nothing of a history that does not say what was run', () => {
    expect(() => check(soundRun().slice(1))).toThrow('no entry of kind run');
  });

  it('finds nothing in any part of a run in which every promise is kept, and says what it has left out', () => {
    const history = soundRun().toSorted((a, b) => a.atMs - b.atMs);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: history.length - 1 }), (count) => {
        const { violations, leftOut } = check(history.slice(0, count));
        expect(violations).toEqual([]);
        expect(leftOut).toContainEqual({
          promise: 'P1',
          guarantee: 'what was accepted is stored',
        });
      }),
    );
  });

  it('finds in a run that broke off what no end can mend', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    run.call(id, { answered: null, answeredAtMs: null });
    run.call(id, { attempt: 2 });
    const { violations, guarantees } = check(run.entries);
    expect(new Set(violations.map(({ promise }) => promise))).toEqual(new Set(['P2']));
    expect(guarantees.map(({ promise }) => promise)).not.toContain('P1');
  });
});

describe('judgeEach', () => {
  it('counts only cases that could have turned out wrong', () => {
    const breach = { says: 'wrong', evidence: [] };
    const cases: Finding[] = [undefined, breach, EXCUSED];
    const judged = judgeEach(cases, (one) => one);
    expect(judged).toEqual({ examined: 2, breaches: [breach] });
  });
});

describe('parseHistory', () => {
  it('leaves out a last line that was cut off', () => {
    const [run] = soundRun();
    const line = JSON.stringify(run);
    expect(parseHistory(`${line}\n${line.slice(0, 20)}`)).toEqual([run]);
  });

  it('names the line that is no entry, and what is wrong there', () => {
    const [run] = soundRun();
    const lines = (second: string) => `${JSON.stringify(run)}\n${second}\n`;
    expect(() => parseHistory(lines('{'))).toThrow('line 2 is not JSON');
    expect(() => parseHistory(lines('{"kind":"end"}'))).toThrow('line 2 is no entry: atMs');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHistory } from '../history.ts';
import { check } from './check.ts';
import { EXCUSED, type Finding, PROMISES, judgeEach } from './rule.ts';
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

  it('says nothing of a history that is cut off, or does not say what was run', () => {
    const history = soundRun();
    expect(() => check(history.slice(0, -1))).toThrow('no entry of kind end');
    expect(() => check(history.slice(1))).toThrow('no entry of kind run');
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
  it('names the line that is no entry, and what is wrong there', () => {
    const [run] = soundRun();
    const lines = (second: string) => `${JSON.stringify(run)}\n${second}\n`;
    expect(() => parseHistory(lines('{'))).toThrow('line 2 is not JSON');
    expect(() => parseHistory(lines('{"kind":"end"}'))).toThrow('line 2 is no entry: atMs');
  });
});

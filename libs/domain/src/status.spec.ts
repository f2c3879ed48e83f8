import { describe, expect, it } from 'vitest';
import { STATUSES, TRANSITIONS, isTerminal, parseStatus } from './status.ts';

describe('parseStatus', () => {
  it.each(STATUSES)(
    'reads %s in any case, and gives the one spelling that every SDK reads',
    (status) => {
      const firstLower = status.charAt(0).toLowerCase() + status.slice(1);
      for (const spelling of [status, firstLower, status.toUpperCase(), status.toLowerCase()]) {
        expect(parseStatus(spelling)).toBe(status);
      }
    },
  );

  it.each([
    '',
    'Cancelled',
    'unknownFutureValue',
    ' Running',
    'Running ',
    'Not Started',
    '0',
    'constructor',
  ])('knows no %j', (text) => {
    expect(parseStatus(text)).toBeUndefined();
  });
});

describe('the state machine', () => {
  it('has the four statuses of Graph and no fifth', () => {
    expect(STATUSES).toEqual(['NotStarted', 'Running', 'Completed', 'Failed']);
    expect(Object.keys(TRANSITIONS)).toEqual([...STATUSES]);
  });

  it('only moves forward: nothing comes back to a status it has left', () => {
    const reachable = (from: (typeof STATUSES)[number]): string[] =>
      TRANSITIONS[from].flatMap((to) => [to, ...reachable(to)]);
    for (const status of STATUSES) expect(reachable(status)).not.toContain(status);
  });

  it('ends at Completed and Failed, and can end from wherever it has not', () => {
    expect(STATUSES.filter(isTerminal)).toEqual(['Completed', 'Failed']);
    for (const status of STATUSES.filter((open) => !isTerminal(open))) {
      expect(TRANSITIONS[status]).toEqual(expect.arrayContaining(['Completed', 'Failed']));
    }
  });
});

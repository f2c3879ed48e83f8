import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { Circuits } from './circuits.ts';

const FIREWALL = 'Acme/Firewall';
const MAIL = 'Acme/Mail';
const FAILURES_MAX = 3;
const OPEN_MS = 5000;

describe('the circuit of a provider', () => {
  let circuits: Circuits;
  let changes: number;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const limits = { CIRCUIT_FAILURES_MAX: `${FAILURES_MAX}`, CIRCUIT_OPEN_MS: `${OPEN_MS}` };
    circuits = new Circuits(loadSettings(limits));
    changes = 0;
    circuits.onChange = () => (changes += 1);
  });
  afterEach(() => vi.useRealTimers());

  const note = (...answers: boolean[]) =>
    answers.forEach((answered) => circuits.note(FIREWALL, 'call', answered));
  const open = () => note(...Array.from({ length: FAILURES_MAX }, () => false));

  it('is closed for a provider that was never called', () => {
    expect(circuits.limit(FIREWALL)).toBe(Number.POSITIVE_INFINITY);
    expect(circuits.isOpen(FIREWALL)).toBe(false);
  });

  it('opens after so many calls in a row without an answer, for this provider only', () => {
    note(false, false);
    expect(circuits.isOpen(FIREWALL)).toBe(false);
    note(false);
    expect([circuits.isOpen(FIREWALL), circuits.limit(FIREWALL)]).toEqual([true, 0]);
    expect(circuits.isOpen(MAIL)).toBe(false);
    expect(changes).toBe(1);
  });

  it('counts calls in a row: an answer begins anew', () => {
    note(false, false, true, false, false);
    expect(circuits.isOpen(FIREWALL)).toBe(false);
  });

  const ask = (...answers: boolean[]) =>
    answers.forEach((answered) => circuits.note(FIREWALL, 'question', answered));

  it('counts questions without an answer, too', () => {
    note(false);
    ask(false, false);
    expect(circuits.isOpen(FIREWALL)).toBe(true);
  });

  it('is not closed, nor kept from opening, by an answer to a question while calls have none', () => {
    note(false);
    ask(true);
    note(false);
    ask(true);
    note(false);
    expect(circuits.limit(FIREWALL)).toBe(0);
    vi.advanceTimersByTime(OPEN_MS);
    ask(true);
    expect(circuits.limit(FIREWALL)).toBe(1);
    note(true);
    expect(circuits.isOpen(FIREWALL)).toBe(false);
  });

  it('is closed by an answer to a question when it was questions that had none', () => {
    ask(false, false, false);
    vi.advanceTimersByTime(OPEN_MS);
    ask(true);
    expect(circuits.isOpen(FIREWALL)).toBe(false);
  });

  it('lets one call through after a while, and stays open until that has its answer', () => {
    open();
    vi.advanceTimersByTime(OPEN_MS - 1);
    expect(circuits.limit(FIREWALL)).toBe(0);
    vi.advanceTimersByTime(1);
    expect([circuits.isOpen(FIREWALL), circuits.limit(FIREWALL)]).toEqual([true, 1]);
    note(false);
    expect(circuits.limit(FIREWALL)).toBe(0);
    vi.advanceTimersByTime(OPEN_MS);
    note(true);
    expect([circuits.isOpen(FIREWALL), circuits.limit(FIREWALL)]).toEqual([
      false,
      Number.POSITIVE_INFINITY,
    ]);
    expect(changes).toBe(2);
  });
});

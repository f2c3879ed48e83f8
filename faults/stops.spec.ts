import { describe, expect, it } from 'vitest';
import { RUN } from './checker/run-entry.fixture.ts';
import { evidenceOf } from './evidence.ts';
import type { Entry, EntryOf } from './history.ts';
import { badStops } from './stops.ts';

const WITHIN_MS = 10_000;
const STOPPED_AT_MS = 60_000;

const stopped = (how: Partial<EntryOf<'stopped'>>): Entry => ({
  kind: 'stopped',
  atMs: STOPPED_AT_MS,
  process: 'worker-1',
  tookMs: 1500,
  withinMs: WITHIN_MS,
  code: 0,
  signal: null,
  ...how,
});
const CUT_OFF = { code: 1, tookMs: WITHIN_MS + 40 };

function fault(subject: string, from: number, to: number): Entry[] {
  const at = (atMs: number, phase: EntryOf<'fault'>['phase']): Entry => ({
    kind: 'fault',
    atMs,
    phase,
    nemesis: 'pause',
    subject,
  });
  return [at(from, 'strike'), at(from, 'begin'), at(to, 'end'), at(to, 'over')];
}

const run = (...entries: Entry[]): Entry[] => [
  { ...RUN, atMs: 0 },
  ...entries,
  { kind: 'end', atMs: STOPPED_AT_MS + 1, isQuiet: true },
];

describe('badStops', () => {
  it('has nothing against a process that ends with 0 in its time', () => {
    expect(badStops(run(stopped({}), stopped({ tookMs: WITHIN_MS + 500 })))).toEqual([]);
  });

  it('finds one that had to be killed, whatever held it up', () => {
    const killed = stopped({ code: null, signal: 'SIGKILL', tookMs: 15_020 });
    expect(badStops(run(killed, ...fault('kafka', 45_000, 59_000)))).toEqual([
      'worker-1 ended badly: asked to end 45.0 s after the beginning, it had to be killed after 15.0 s; it has 10.0 s.',
    ]);
  });

  it.each<[string, Partial<EntryOf<'stopped'>>]>([
    ['with 1 before it could be cut off', { code: 1 }],
    ['by a signal', { code: null, signal: 'SIGTERM' }],
    ['with a code that is none of its own', { ...CUT_OFF, code: 13 }],
    ['with 0 and far too late', { tookMs: WITHIN_MS + RUN.bounds.marginMs + 1 }],
  ])('finds one that ended %s, whatever held it up', (_, how) => {
    expect(badStops(run(stopped(how), ...fault('kafka', 45_000, 59_000)))).toHaveLength(1);
  });

  it('has nothing against one that was cut off at the end of its time while a server was away', () => {
    expect(badStops(run(stopped(CUT_OFF), ...fault('kafka', 45_000, 59_000)))).toEqual([]);
  });

  it('finds one that was cut off though nothing held it up but its own stop, or a product', () => {
    const own = fault('worker-1', 49_000, 60_000);
    const product = fault('provider:Acme/Strict', 49_000, 60_000);
    const before = fault('kafka', 1000, 2000);
    expect(badStops(run(stopped(CUT_OFF), ...own, ...product, ...before))).toHaveLength(1);
  });

  it('does not call late what was late on a machine that stood still', () => {
    const stall: Entry = { kind: 'stall', atMs: 58_000, fromMs: 50_000 };
    const late = stopped({ tookMs: WITHIN_MS + RUN.bounds.marginMs + 1 });
    expect(badStops(run(late, stopped(CUT_OFF), stall))).toEqual([]);
  });

  it('keeps a run from being evidence', () => {
    expect(evidenceOf(run(stopped({ code: 1 }))).faults).toContain(
      'worker-1 ended badly: asked to end 58.5 s after the beginning, it ended with 1 after 1.5 s; it has 10.0 s.',
    );
  });
});

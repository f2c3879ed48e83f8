import { faultsDuring, stoodStillDuring } from './checker/action-facts.ts';
import { type RunRecord, recordOf } from './checker/run-record.ts';
import type { Entry, EntryOf } from './history.ts';

/*
 * How a process may end that is asked to: docs/operations.md. In its time, and with 0; or with 1 if it had to be cut off,
 * which is so at the end of its time, and when something held it up. It never has to be killed.
 */

/** What was wrong with the ends of processes that were asked to end, a sentence each. */
export function badStops(history: readonly Entry[]): string[] {
  const stops = history.filter((entry): entry is EntryOf<'stopped'> => entry.kind === 'stopped');
  if (stops.length === 0) return [];
  const record = recordOf(history);
  return stops.filter((stop) => !isAsPromised(record, stop)).map(describe);
}

function isAsPromised(record: RunRecord, stop: EntryOf<'stopped'>): boolean {
  const { atMs, tookMs, withinMs, code } = stop;
  const stoodStill = stoodStillDuring(record, atMs - tookMs, atMs);
  if (tookMs > withinMs + record.run.bounds.marginMs && !stoodStill) return false;
  if (code === 0) return true;
  return code === 1 && tookMs >= withinMs && (stoodStill || isHeldUp(record, stop));
}

/** By anything but a product, whose calls are given up in time, and but its own stop. */
function isHeldUp(record: RunRecord, { atMs, tookMs, process }: EntryOf<'stopped'>): boolean {
  return faultsDuring(record, atMs - tookMs, atMs).some(
    ({ subject }) => subject !== process && !subject.startsWith('provider:'),
  );
}

function describe({ atMs, tookMs, withinMs, process, code, signal }: EntryOf<'stopped'>): string {
  const how =
    signal === 'SIGKILL' ? 'had to be killed' : `ended ${signal ? `by ${signal}` : `with ${code}`}`;
  const [took, within, at] = [tookMs, withinMs, atMs - tookMs].map((ms) => (ms / 1000).toFixed(1));
  return `${process} ended badly: asked to end ${at} s after the beginning, it ${how} after ${took} s; it has ${within} s.`;
}

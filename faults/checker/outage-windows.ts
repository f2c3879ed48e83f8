import { COLLAPSE } from '../history.ts';
import type { FaultWindow, RunRecord } from './run-record.ts';

/** Faults that take their subject away as a whole; a delay does not. */
const AWAY: readonly string[] = ['kill', 'stop', 'pause', 'cut', 'halfOpen', COLLAPSE];

/** A span in which one thing was away and, as far as is known, nothing else was wrong. */
export interface Outage {
  subject: string;
  fromMs: number;
  toMs: number;
  fault: FaultWindow;
}

/** The outages of subjects, without the parts in which another fault was in force or could still be felt. */
export function outagesOf(record: RunRecord, isSubject: (subject: string) => boolean): Outage[] {
  return record.faults
    .filter(({ subject, nemesis }) => isSubject(subject) && AWAY.includes(nemesis))
    .flatMap((fault) => withoutOthers(record, fault));
}

function withoutOthers({ faults, run }: RunRecord, fault: FaultWindow): Outage[] {
  const { subject, fromMs, toMs } = fault;
  let spans = [{ fromMs, toMs }];
  for (const other of faults) {
    if (other === fault) continue;
    const end = other.feltToMs + run.bounds.recoveryMs;
    // Of the subject itself: it is away either way, and that it was away before changes nothing.
    if (other.subject === subject && AWAY.includes(other.nemesis)) continue;
    spans = spans.flatMap((span) => [
      { fromMs: span.fromMs, toMs: Math.min(span.toMs, other.feltFromMs) },
      { fromMs: Math.max(span.fromMs, end), toMs: span.toMs },
    ]);
    spans = spans.filter((span) => span.fromMs < span.toMs);
  }
  return spans.map((span) => ({ subject, ...span, fault }));
}

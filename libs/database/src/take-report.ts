import type { Caller } from '#domain/caller';
import { type Report, type ReportVerdict, judgeReport } from '#domain/report';
import type { Database } from './action-row.ts';
import { type LockedAction, type Patience, applyReport } from './report.queries.ts';

/** A report and what it is judged by. Whether its sender may report at all is decided before. */
export interface TakenReport {
  report: Report;
  by: Caller;
  /** With the action's provider. */
  patience: Patience;
  /** Keeps what is refused as a late report in the history: for a sender that hears of no refusal. */
  keepRefused: boolean;
}

/** Judges a report and writes what it makes of a locked action: the one way in, by PATCH and by Kafka. */
export async function takeReport(
  database: Database,
  action: LockedAction,
  { report, by, patience, keepRefused }: TakenReport,
): Promise<ReportVerdict> {
  const verdict = judgeReport(action, report);
  const kept = verdict.kind === 'refused' && keepRefused ? verdict.late : verdict;
  if (kept?.kind === 'event') {
    await applyReport(database, action, kept, { attemptId: report.attemptId, by, patience });
  }
  return verdict;
}

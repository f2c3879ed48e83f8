import type { Entry } from '../history.ts';
import type { Breach } from './rule.ts';
import type { FaultWindow } from './run-record.ts';

/**
 * The shortest story of a breach: the entries that prove it, in order of time, and the faults that were in force
 * meanwhile. One line each, in seconds since the run began.
 */
export function storyOf({ evidence }: Breach, faults: readonly FaultWindow[]): string[] {
  const told = [...new Set(evidence)];
  const times = told.filter(isOfTheRun).map(({ atMs }) => atMs);
  const [fromMs, toMs] = [Math.min(...times), Math.max(...times)];
  const meanwhile = faults
    .filter((fault) => fault.fromMs <= toMs && fault.toMs >= fromMs)
    .flatMap(({ entries }) => entries);
  return [...new Set([...told, ...meanwhile])]
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((entry) => `${(entry.atMs / 1000).toFixed(3).padStart(9)}  ${describe(entry)}`);
}

/** What was looked up after the run tells no time of what happened in it. */
function isOfTheRun({ kind }: Entry): boolean {
  return kind !== 'row' && kind !== 'history';
}

function describe(entry: Entry): string {
  switch (entry.kind) {
    case 'invoke':
      return describeInvoke(entry);
    case 'answer':
      return describeAnswer(entry);
    case 'lost':
      return `#${entry.request} lost: ${entry.reason}`;
    case 'produced':
      return describeProduced(entry);
    case 'deadLetter': {
      const { topic, partition, offset } = entry.origin;
      return `dead letter of ${topic}/${partition} offset ${offset}: ${entry.code}, bytes ${entry.valueHash.slice(0, 8)}`;
    }
    case 'call':
      return describeCall(entry);
    case 'strayCall':
      return `a product was called at ${entry.path}, and could not take it: ${entry.reason}`;
    case 'effect':
      return `${entry.provider} ${entry.isTakenBack ? 'took back' : 'did'} ${entry.actionId} (${entry.attemptId})`;
    case 'event':
      return `event ${entry.id} ${entry.type}, dated ${entry.dateTime}: ${entry.action.status} (partition ${entry.partition} offset ${entry.offset})`;
    case 'fault':
      return `fault ${entry.phase}: ${entry.nemesis} ${entry.subject}`;
    case 'ended':
      return `${entry.process} ended by itself`;
    case 'stopped':
      return `${entry.process} ended as it was asked to, with ${entry.signal ?? entry.code}`;
    case 'sample':
      return `${entry.process} has ${Math.round(entry.rssBytes / 2 ** 20)} MiB`;
    case 'stall':
      return `this machine stood still since ${(entry.fromMs / 1000).toFixed(3)}`;
    case 'row':
      return describeRow(entry);
    case 'history':
      return `history of ${entry.actionId}: ${entry.events.map(describeStep).join(', ')}`;
    case 'run':
      return `run of seed ${entry.seed}`;
    case 'end':
      return 'end of the run';
  }
}

type Of<Kind extends Entry['kind']> = Extract<Entry, { kind: Kind }>;

function describeInvoke(entry: Of<'invoke'>): string {
  const { request, operation, tenant, app, api, actionId, intent, report, retryAttempt } = entry;
  const about = [
    actionId,
    intent && `${intent.mark} at ${intent.provider} on ${intent.target ?? 'no target'}`,
    intent?.idempotencyKey && `key ${intent.idempotencyKey}`,
    retryAttempt !== null && `resend ${retryAttempt}`,
    report && `says ${report.status}`,
  ];
  return `#${request} ${[operation, ...about].filter(Boolean).join(' ')}, by ${tenant}/${app} to ${api}`;
}

function describeAnswer(entry: Of<'answer'>): string {
  const {
    request,
    status,
    error,
    retryAfterSeconds,
    cancelOutcome,
    isReplay,
    isUnreadable,
    shown,
  } = entry;
  const about = [
    error?.code,
    retryAfterSeconds !== null && `retry after ${retryAfterSeconds} s`,
    cancelOutcome,
    isReplay && 'replayed',
    isUnreadable === true && 'unreadable',
    // A list shows many: those that matter are named in the sentence above the story.
    shown.length > 3
      ? `${shown.length} actions`
      : shown.map(({ id, status: is }) => `${id} ${is}`).join(', '),
  ];
  return `#${request} ${[status, ...about].filter(Boolean).join(' ')}`;
}

function describeProduced(entry: Of<'produced'>): string {
  const { topic, tenant, app, place, intent, report, poison, valueHash } = entry;
  const what =
    (intent && `create ${intent.mark}`) ??
    (report && `${report.actionId} is ${report.status}`) ??
    `bytes ${valueHash.slice(0, 8)}`;
  const where = place ? `partition ${place.partition} offset ${place.offset}` : 'not acknowledged';
  return `message to ${topic} by ${tenant}/${app}: ${what}${poison === null ? '' : ` (poison: ${poison})`}; ${where}`;
}

function describeCall(entry: Of<'call'>): string {
  const { provider, question, actionId, attempt, attemptId, answered, said } = entry;
  const answer =
    answered === null ? 'not answered' : `answered ${answered}${said ? ` ${said}` : ''}`;
  return `${provider} called to ${question}: ${actionId}, attempt ${attempt} (${attemptId}), ${answer}`;
}

function describeRow({ action, version, position, waitingFor }: Of<'row'>): string {
  const { id, status, errorInfo } = action;
  const code = errorInfo ? ` with code ${errorInfo.code}` : '';
  const waits = waitingFor === null ? '' : `, waits for ${waitingFor}`;
  return `in the end ${id} is ${status}${code}${waits} (version ${version}, position ${position})`;
}

function describeStep({
  sequence,
  type,
  status,
  dateTime,
}: Of<'history'>['events'][number]): string {
  return `${sequence} ${type} ${status} ${dateTime}`;
}

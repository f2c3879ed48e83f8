import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from './identity.ts';

/** A process as it is written down, so that someone else can end it later. */
export interface RecordedProcess {
  name: string;
  pid: number;
  identity: string;
  stopSignal: NodeJS.Signals;
}

const GRACE_MS = 10_000;

/** Ends recorded processes, last started first; one whose pid went to another process is left alone. */
export async function stopRecorded(records: RecordedProcess[]): Promise<RecordedProcess[]> {
  const alive = records.filter(isAlive).toReversed();
  for (const record of alive) {
    signal(record, record.stopSignal);
    signal(record, 'SIGCONT'); // A paused process would never see the first signal.
  }
  const deadline = Date.now() + GRACE_MS;
  while (alive.some(isAlive) && Date.now() < deadline) await sleep(50);
  for (const record of alive.filter(isAlive)) signal(record, 'SIGKILL');
  return alive;
}

export function isAlive(record: { pid: number; identity: string }): boolean {
  return processIdentity(record.pid) === record.identity;
}

function signal(record: RecordedProcess, name: NodeJS.Signals): void {
  try {
    if (isAlive(record)) process.kill(record.pid, name);
  } catch {
    // It ended in between.
  }
}

import { createInterface } from 'node:readline';
import { type RecordedProcess, stopRecorded } from './stop-pids.ts';

/*
 * Runs as a process of its own beside whoever starts Kafka, Postgres and the rest. Its standard input ends
 * when its parent ends, however that came about; what the parent had not stopped by then is stopped here,
 * so that not even `kill -9` leaves a JVM behind.
 */
type Message = { add: RecordedProcess } | { remove: number };

const records = new Map<number, RecordedProcess>();
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if ('add' in message) records.set(message.add.pid, message.add);
  else records.delete(message.remove);
}
await stopRecorded([...records.values()]);

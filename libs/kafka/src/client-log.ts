import kafkajs, { type LogEntry, type logCreator } from 'kafkajs';

/** The part of pino's logger that is needed here: fields first, then the sentence. */
export interface KafkaLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** During an outage every connection attempt of every client says the same: one line in so many ms is enough. */
const REPEAT_INTERVAL_MS = 10_000;
const REMEMBERED_LINES_MAX = 200;

/**
 * Brings kafkajs's lines into our log, one level milder: what kafkajs calls an error it goes on to retry, and
 * the final word is ours. Of its fields only those below pass: the others can hold whole messages, and so
 * tokens and parameter values.
 */
export function bridgeLog(log: KafkaLog): logCreator {
  const lastSaid = new Map<string, { atMs: number; omitted: number }>();
  return () => (entry) => {
    if (entry.level === kafkajs.logLevel.DEBUG) return;
    const line = `kafkajs ${entry.namespace}: ${entry.log.message}`;
    // Without its numbers: "Restarting the consumer in 382ms" is the same news as "in 398ms".
    const news = line.replaceAll(/\d+/g, '#');
    const now = performance.now();
    const last = lastSaid.get(news);
    if (last && now - last.atMs < REPEAT_INTERVAL_MS) {
      last.omitted++;
      return;
    }
    if (lastSaid.size >= REMEMBERED_LINES_MAX) lastSaid.clear();
    lastSaid.set(news, { atMs: now, omitted: 0 });
    write(log, entry, line, last?.omitted ?? 0);
  };
}

function write(log: KafkaLog, entry: LogEntry, line: string, omitted: number): void {
  const { broker, groupId, topic, partition, retryCount, error } = entry.log;
  const fields = {
    broker,
    groupId,
    topic,
    partition,
    retryCount,
    ...(typeof error === 'string' && { cause: error }),
    ...(omitted > 0 && { omitted }),
  };
  if (entry.level === kafkajs.logLevel.ERROR) log.warn(fields, line);
  else if (entry.level === kafkajs.logLevel.WARN) log.info(fields, line);
  else log.debug(fields, line);
}

import type { Message } from 'kafkajs';
import { isAboutTopic, type KafkaFailure } from './kafka-errors.ts';
import type { QueuedMessage } from './publish-queue.ts';

/*
 * kafkajs fails a whole request when one partition of it failed, and does not say which. So a failed batch is
 * taken apart until the trouble is alone. What its partition has acknowledged by then is not sent again.
 */

/** Whether some messages of a failed request may do better without the others. */
export function mayDoBetterApart(
  entries: readonly QueuedMessage[],
  failure: KafkaFailure,
  error: unknown,
): boolean {
  if (failure !== 'refused' && failure !== 'transient') return false;
  return !isAboutTopic(error) || isAboutSome(entries);
}

/** Some partitions have refused, and others have not: they may be new, and a broker may not have heard of them yet. */
function isAboutSome(entries: readonly QueuedMessage[]): boolean {
  return new Set(entries.map(({ fate }) => fate.requests > 0)).size > 1;
}

/**
 * Takes a failed batch apart: by partition first (one may be without a leader, the others not), then, if a
 * message is refused, in halves. Fewer than two parts: there is nothing more to take apart.
 */
export function isolate(
  entries: QueuedMessage[],
  messages: Message[],
  failure: KafkaFailure,
): QueuedMessage[][] {
  const byPartition = Map.groupBy(entries, (_, index) => messages[index]?.partition);
  if (byPartition.size > 1) return [...byPartition.values()];
  if (failure !== 'refused' || entries.length < 2) return [];
  const middle = entries.length >> 1;
  return [entries.slice(0, middle), entries.slice(middle)];
}

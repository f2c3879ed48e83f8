import type { DeadLetter } from '#domain/dead-letter';

/** A letter, and where its message was: little enough to hold all that the table may have. */
export interface Place {
  id: string;
  topic: string;
  partition: number;
  offset: bigint;
  sentAtMs: number;
}

/** Where the message of a letter was. */
export function placeOf({ id, origin, createdDateTime }: DeadLetter): Place {
  const { topic, partition, offset, dateTime } = origin;
  const sentAtMs = Date.parse(dateTime ?? createdDateTime);
  return { id, topic, partition, offset: BigInt(offset), sentAtMs };
}

/**
 * As the messages came. Within a partition the offset alone says so: letters of one batch are put aside at once, in no
 * order, and clocks step back. Partitions are taken together by their times.
 */
export function oldestFirst(places: readonly Place[]): Place[] {
  const partitions = Map.groupBy(places, ({ topic, partition }) => `${topic}/${partition}`);
  return [...partitions.values()].flatMap(inTime).toSorted(byTime);
}

/** In the order of offsets, none with a time before that of the one ahead of it. */
function inTime(partition: Place[]): Place[] {
  let latestMs = -Infinity;
  return partition.toSorted(byOffset).map((place) => {
    latestMs = Math.max(latestMs, place.sentAtMs);
    return { ...place, sentAtMs: latestMs };
  });
}

function byTime(one: Place, other: Place): number {
  return (
    one.sentAtMs - other.sentAtMs ||
    compared(one.topic, other.topic) ||
    one.partition - other.partition ||
    byOffset(one, other)
  );
}

function byOffset(one: Place, other: Place): number {
  return compared(one.offset, other.offset);
}

function compared<T extends string | bigint>(one: T, other: T): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

import {
  type FatedMessage,
  type MessageFate,
  wasRefusedForGood,
  wasTooLarge,
} from '#kafka/message-fate';

/** A message whose place behind the others of its key counts. */
export interface KeyedMessage extends FatedMessage {
  key: string;
  fate: MessageFate;
}

/** What was left out, so that others need not wait for it. All of an action is in one partition. */
export interface LeftOut {
  /** Keys of which a message is larger than the topic takes. */
  keys: Set<string>;
  /** Partitions that take nothing now, and what each said: its leader moves, has too few replicas, or does not answer. */
  partitions: Map<number, MessageFate['answer']>;
}

interface Way<T> {
  /** One request; throws what Kafka says, when each partition has had the time to answer. */
  send: (request: T[]) => Promise<void>;
  /** Where a key goes; undefined if that is not known, as before the first request. */
  partitionOf: (key: string) => number | undefined;
  /** Whether a partition took nothing lately: that it does not answer says nothing of others. */
  isSuspect: (partition: number) => boolean;
}

/**
 * Sends requests in order. What Kafka finds too large is halved until the message at fault stands alone. What is left
 * out takes all with it that follows it under its key, so that no reader sees a gap.
 * @param leftOut gets what is left out, also when it throws; what is written has a receipt in its fate
 * @throws what `send` throws when no partition has answered, unless only suspects were asked, or when one never will take any of
 * this: of the rest nothing more is sent
 */
export async function sendInOrder<T extends KeyedMessage>(
  requests: Iterable<readonly T[]>,
  { send, partitionOf, isSuspect }: Way<T>,
  leftOut: LeftOut,
): Promise<void> {
  /** By key too, as a topic may be given more partitions at any moment. */
  const heldKeys = new Set<string>();

  function mayGo({ key, fate }: T): boolean {
    if (fate.receipt || heldKeys.has(key)) return false;
    if (leftOut.partitions.size === 0 || !leftOut.partitions.has(partitionOf(key) ?? -1))
      return true;
    heldKeys.add(key);
    return false;
  }

  async function sendPart(part: readonly T[]): Promise<void> {
    const request = part.filter(mayGo);
    if (request.length === 0) return;
    // What was said to an earlier request is over.
    for (const { fate } of request) fate.answer = undefined;
    try {
      await send(request);
    } catch (error) {
      if (!isOfPartitions(request, isSuspect)) throw error;
      await leaveOut(request.filter(({ fate }) => !fate.receipt));
    }
  }

  /** @param refused by their partitions */
  async function leaveOut(refused: readonly T[]): Promise<void> {
    for (const { key, fate, partition } of refused) {
      if (wasTooLarge(fate)) continue;
      heldKeys.add(key);
      leftOut.partitions.set(partition!, fate.answer);
    }
    const tooLarge = refused.filter(({ fate }) => wasTooLarge(fate));
    if (tooLarge.length === 1) {
      heldKeys.add(tooLarge[0]!.key);
      leftOut.keys.add(tooLarge[0]!.key);
    }
    if (tooLarge.length < 2) return;
    const middle = tooLarge.length >> 1;
    await sendPart(tooLarge.slice(0, middle));
    await sendPart(tooLarge.slice(middle));
  }

  for (const request of requests) await sendPart(request);
}

/** Whether Kafka is there, and nothing but some partitions is in the way. */
function isOfPartitions(
  request: readonly KeyedMessage[],
  isSuspect: (partition: number) => boolean,
): boolean {
  if (request.some(({ fate }) => wasRefusedForGood(fate))) return false;
  return (
    request.some(({ fate }) => typeof fate.answer === 'number') ||
    request.every(({ fate, partition = -1 }) => fate.answer === 'awaited' && isSuspect(partition))
  );
}

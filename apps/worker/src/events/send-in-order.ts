import { type FatedMessage, wasRefusedForGood, wasTooLarge } from '#kafka/message-fate';

/** A message whose place behind the others of its key counts. */
export interface KeyedMessage extends FatedMessage {
  key: string;
  fate: NonNullable<FatedMessage['fate']>;
}

/** What was left out, so that others need not wait for it. All of an action is in one partition. */
export interface LeftOut {
  /** Keys of which a message is larger than the topic takes. */
  keys: Set<string>;
  /** Partitions that take nothing now: their leader moves, or has too few replicas. */
  partitions: Set<number>;
}

interface Way<T> {
  /** One request; throws what Kafka says, when each partition has had its say. */
  send: (request: T[]) => Promise<void>;
  /** Where a key goes; undefined if that is not known, as before the first request. */
  partitionOf: (key: string) => number | undefined;
}

/**
 * Sends requests in order. What Kafka finds too large is halved until the message at fault stands alone. What is left
 * out takes all with it that follows it under its key, so that no reader sees a gap.
 * @returns what was left out: all else has a receipt in its fate
 * @throws what `send` throws when a partition has not answered, or never will take any of this: of the rest nothing more is
 * sent, and what has a receipt is written
 */
export async function sendInOrder<T extends KeyedMessage>(
  requests: Iterable<readonly T[]>,
  { send, partitionOf }: Way<T>,
): Promise<LeftOut> {
  const leftOut: LeftOut = { keys: new Set(), partitions: new Set() };

  function mayGo({ key, fate }: T): boolean {
    if (fate.receipt || leftOut.keys.has(key)) return false;
    return leftOut.partitions.size === 0 || !leftOut.partitions.has(partitionOf(key) ?? -1);
  }

  async function sendPart(part: readonly T[]): Promise<void> {
    const request = part.filter(mayGo);
    if (request.length === 0) return;
    try {
      await send(request);
    } catch (error) {
      if (!haveAnswered(request)) throw error;
      await leaveOut(request.filter(({ fate }) => !fate.receipt));
    }
  }

  /** @param refused by their partitions */
  async function leaveOut(refused: readonly T[]): Promise<void> {
    for (const { fate, partition } of refused) {
      if (!wasTooLarge(fate)) leftOut.partitions.add(partition!);
    }
    const tooLarge = refused.filter(({ fate }) => wasTooLarge(fate));
    if (tooLarge.length === 1) leftOut.keys.add(tooLarge[0]!.key);
    if (tooLarge.length < 2) return;
    const middle = tooLarge.length >> 1;
    await sendPart(tooLarge.slice(0, middle));
    await sendPart(tooLarge.slice(middle));
  }

  for (const request of requests) await sendPart(request);
  return leftOut;
}

/** Whether Kafka is there, and nothing but some partitions is in the way. Who was not asked had no leader to be asked. */
function haveAnswered(request: readonly KeyedMessage[]): boolean {
  const isOpen = request.some(({ fate }) => fate.answer === 'awaited' || wasRefusedForGood(fate));
  return !isOpen && request.some(({ fate }) => fate.answer !== undefined);
}

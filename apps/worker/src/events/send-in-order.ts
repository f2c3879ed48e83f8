import { isTooLarge } from '#kafka/kafka-errors';

/**
 * Sends requests in order. One that Kafka finds too large is halved until the message at fault stands alone: that
 * one is left out, and with it all that follows it under its key, so that no reader sees a gap.
 * @param send one request; throws what Kafka says
 * @returns what was left out
 * @throws what `send` throws of anything but the size: of the rest nothing more is sent
 */
export async function sendInOrder<T extends { key: string }>(
  requests: Iterable<readonly T[]>,
  send: (request: T[]) => Promise<void>,
): Promise<Set<T>> {
  const heldKeys = new Set<string>();
  const leftOut = new Set<T>();

  async function sendPart(part: readonly T[]): Promise<void> {
    for (const message of part) if (heldKeys.has(message.key)) leftOut.add(message);
    const request = part.filter(({ key }) => !heldKeys.has(key));
    const [first] = request;
    if (!first) return;
    try {
      await send(request);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      if (request.length === 1) {
        heldKeys.add(first.key);
        leftOut.add(first);
        return;
      }
      const middle = request.length >> 1;
      await sendPart(request.slice(0, middle));
      await sendPart(request.slice(middle));
    }
  }

  for (const request of requests) await sendPart(request);
  return leftOut;
}

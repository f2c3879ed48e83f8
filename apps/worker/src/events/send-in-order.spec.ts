import { describe, expect, it } from 'vitest';
import { connectionError, protocolError } from '#kafka/producing-kafka.fixture';
import { sendInOrder } from './send-in-order.ts';

const LIMIT = 10;

interface Sized {
  key: string;
  size: number;
}

/** Sends to a topic that takes requests of so much, all or nothing. */
async function sent(messages: Sized[], { type = 'MESSAGE_TOO_LARGE', cutAt = 1000 } = {}) {
  const taken: Sized[] = [];
  const requests: number[] = [];
  const cut = [messages.slice(0, cutAt), messages.slice(cutAt)].filter(({ length }) => length > 0);
  const leftOut = await sendInOrder(cut, async (request) => {
    requests.push(request.length);
    await Promise.resolve();
    if (request.reduce((sum, { size }) => sum + size, 0) > LIMIT) throw protocolError(type, false);
    taken.push(...request);
  });
  return { taken, requests, leftOut: [...leftOut] };
}

const of = (key: string, ...sizes: number[]): Sized[] => sizes.map((size) => ({ key, size }));

describe('sendInOrder', () => {
  it('sends all at once when Kafka takes it', async () => {
    const messages = [...of('a', 1, 2), ...of('b', 3)];
    expect(await sent(messages)).toEqual({ taken: messages, requests: [3], leftOut: [] });
  });

  it.each(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])(
    'halves what is too large together (%s), and keeps the order',
    async (type) => {
      const messages = [...of('a', 4, 4), ...of('b', 4), ...of('a', 4), ...of('c', 4)];
      const { taken, leftOut } = await sent(messages, { type });
      expect(taken).toEqual(messages);
      expect(leftOut).toEqual([]);
    },
  );

  it('leaves out what is too large alone, and what follows it under its key', async () => {
    const [before, large, after, last] = of('a', 1, 11, 1, 1) as [Sized, Sized, Sized, Sized];
    const others = of('b', 1, 1, 1);
    const messages = [others[0]!, before, others[1]!, large, after, others[2]!, last];
    const { taken, leftOut } = await sent(messages);
    expect(taken).toEqual([others[0], before, others[1], others[2]]);
    expect(leftOut).toEqual([large, after, last]);
  });

  it('leaves out what follows it in a later request, too', async () => {
    const messages = [...of('a', 11), ...of('b', 1), ...of('a', 1), ...of('b', 1)];
    const { taken, leftOut } = await sent(messages, { cutAt: 2 });
    expect(taken).toEqual(of('b', 1, 1));
    expect(leftOut).toEqual(of('a', 11, 1));
  });

  it('finds several of them, each alone', async () => {
    const messages = [...of('a', 11), ...of('b', 1), ...of('c', 12), ...of('d', 1)];
    const { taken, leftOut } = await sent(messages);
    expect(taken.map(({ key }) => key)).toEqual(['b', 'd']);
    expect(leftOut.map(({ key }) => key)).toEqual(['a', 'c']);
  });

  it('sends nothing more after any other failure', async () => {
    const requests: number[] = [];
    const sending = sendInOrder([[...of('a', 1), ...of('b', 1)], of('c', 1)], (request) => {
      requests.push(request.length);
      return Promise.reject(
        request.length > 1 ? protocolError('MESSAGE_TOO_LARGE', false) : connectionError(),
      );
    });
    await expect(sending).rejects.toThrow('gone');
    expect(requests).toEqual([2, 1]);
  });
});

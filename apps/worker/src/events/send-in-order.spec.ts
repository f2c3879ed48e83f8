import { describe, expect, it } from 'vitest';
import { type MessageFate, newFate } from '#kafka/message-fate';
import { connectionError, protocolError } from '#kafka/producing-kafka.fixture';
import { sendInOrder } from './send-in-order.ts';

const LIMIT = 10;
const RECEIPT = { partition: 0, offset: '0' };

interface Sized {
  key: string;
  size: number;
  fate: MessageFate;
}

const of = (key: string, ...sizes: number[]): Sized[] =>
  sizes.map((size) => ({ key, size, fate: newFate() }));

function acknowledge(messages: Sized[]): void {
  for (const { fate } of messages) {
    fate.errorCode = 0;
    fate.receipt = RECEIPT;
  }
}

/** Sends to a topic that takes requests of so much, all or nothing. */
async function sent(messages: Sized[], { type = 'MESSAGE_TOO_LARGE', cutAt = 1000 } = {}) {
  const taken: Sized[] = [];
  const requests: number[] = [];
  const cut = [messages.slice(0, cutAt), messages.slice(cutAt)].filter(({ length }) => length > 0);
  const { tooLarge, unavailable } = await sendInOrder(cut, async (request) => {
    requests.push(request.length);
    await Promise.resolve();
    if (request.reduce((sum, { size }) => sum + size, 0) > LIMIT) throw protocolError(type, false);
    acknowledge(request);
    taken.push(...request);
  });
  expect([...unavailable]).toEqual([]);
  return { taken, requests, leftOut: [...tooLarge] };
}

/** Sends to a topic of which one partition, that of the key `stuck`, answers with this code; there is a partition for each key. */
async function sentBeside(errorCode: number, requests: Sized[][], error: Error) {
  const sizes: number[] = [];
  const leftOut = await sendInOrder(requests, async (request) => {
    sizes.push(request.length);
    await Promise.resolve();
    const stuck = request.filter(({ key }) => key === 'stuck');
    acknowledge(request.filter(({ key }) => key !== 'stuck'));
    for (const { fate } of stuck) fate.errorCode = errorCode;
    if (stuck.length > 0) throw error;
  });
  return { sizes, ...leftOut };
}

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
    expect(taken).toEqual([messages[1], messages[3]]);
    expect(leftOut).toEqual([messages[0], messages[2]]);
  });

  it('finds several of them, each alone', async () => {
    const messages = [...of('a', 11), ...of('b', 1), ...of('c', 12), ...of('d', 1)];
    const { taken, leftOut } = await sent(messages);
    expect(taken.map(({ key }) => key)).toEqual(['b', 'd']);
    expect(leftOut.map(({ key }) => key)).toEqual(['a', 'c']);
  });

  it.each([
    ['has no leader', 6, 'NOT_LEADER_FOR_PARTITION'],
    ['has too few replicas', 19, 'NOT_ENOUGH_REPLICAS'],
    ['has waited for its replicas in vain', 7, 'REQUEST_TIMED_OUT'],
  ])(
    'leaves out what goes to a partition that %s, and sends the rest once',
    async (_, code, type) => {
      const stuck = of('stuck', 1, 1, 1);
      const others = of('a', 1, 1, 1);
      const requests = [
        [others[0]!, stuck[0]!, others[1]!, stuck[1]!],
        [stuck[2]!, others[2]!],
      ];
      const { sizes, unavailable, tooLarge } = await sentBeside(
        code,
        requests,
        protocolError(type, true),
      );
      expect([...unavailable]).toEqual(stuck);
      expect([...tooLarge]).toEqual([]);
      expect(others.map(({ fate }) => fate.receipt)).toEqual([RECEIPT, RECEIPT, RECEIPT]);
      expect(sizes).toEqual([4, 1]);
    },
  );

  it('leaves it out too when it stands alone', async () => {
    const stuck = of('stuck', 1);
    const { unavailable } = await sentBeside(
      19,
      [stuck],
      protocolError('NOT_ENOUGH_REPLICAS', true),
    );
    expect([...unavailable]).toEqual(stuck);
  });

  it('sends nothing more when Kafka has said nothing of any partition', async () => {
    const requests: number[] = [];
    const sending = sendInOrder([of('a', 1), of('b', 1)], (request) => {
      requests.push(request.length);
      return Promise.reject(protocolError('LEADER_NOT_AVAILABLE', true));
    });
    await expect(sending).rejects.toThrow('LEADER_NOT_AVAILABLE');
    expect(requests).toEqual([1]);
  });

  it('halves only what was not taken', async () => {
    const [one, large] = [...of('a', 1), ...of('stuck', 11)];
    const { sizes, tooLarge } = await sentBeside(
      10,
      [[one!, large!]],
      protocolError('MESSAGE_TOO_LARGE', false),
    );
    expect([...tooLarge]).toEqual([large]);
    expect(sizes).toEqual([2, 1]);
  });

  it.each([
    ['a lost connection', connectionError()],
    ['a right that is missing', protocolError('TOPIC_AUTHORIZATION_FAILED', false)],
  ])('sends nothing more after %s, whatever else was answered', async (_, error) => {
    const requests = [[...of('a', 1), ...of('stuck', 1)], of('b', 1)];
    await expect(sentBeside(29, requests, error)).rejects.toBe(error);
    expect(requests[1]![0]!.fate.receipt).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { type MessageFate, newFate } from '#kafka/message-fate';
import { connectionError, protocolError } from '#kafka/producing-kafka.fixture';
import { type LeftOut, sendInOrder } from './send-in-order.ts';

const LIMIT = 10;
const TOO_LARGE = 10;
const RECEIPT = { partition: 0, offset: '0' };

interface Sized {
  key: string;
  value: null;
  size: number;
  partition?: number;
  fate: MessageFate;
}

const of = (key: string, ...sizes: number[]): Sized[] =>
  sizes.map((size) => ({ key, value: null, size, fate: newFate() }));

/** A partition for each first letter. */
const partitionOf = (key: string) => key.codePointAt(0)!;

const ANSWERS: Record<number, Error> = {
  6: protocolError('NOT_LEADER_FOR_PARTITION', true),
  7: protocolError('REQUEST_TIMED_OUT', true),
  [TOO_LARGE]: protocolError('MESSAGE_TOO_LARGE', false),
  18: protocolError('RECORD_LIST_TOO_LARGE', false),
  19: protocolError('NOT_ENOUGH_REPLICAS', true),
  29: protocolError('TOPIC_AUTHORIZATION_FAILED', false),
  [-1]: protocolError('UNKNOWN', false),
};

/** One that took nothing lately. */
const isSuspect = (partition: number) => partition === partitionOf('x');

type Answer = number | 'awaited' | undefined;

/**
 * Sends to partitions that answer as they are told by their letter, or else take so much at a time, all or nothing. As
 * kafkajs does, it throws the first error that it hears.
 */
async function sent(
  requests: Sized[][],
  {
    answers = {},
    error,
    tooLarge = TOO_LARGE,
  }: { answers?: Record<string, Answer>; error?: Error; tooLarge?: number } = {},
) {
  const taken: Sized[] = [];
  const sizes: number[] = [];
  const leftOut: LeftOut = { keys: new Set(), partitions: new Map() };
  const way = {
    partitionOf,
    isSuspect,
    send: async (request: Sized[]) => {
      sizes.push(request.length);
      await Promise.resolve();
      const codes: Answer[] = [];
      for (const [letter, messages] of Map.groupBy(request, ({ key }) => key[0]!)) {
        const bytes = messages.reduce((sum, { size }) => sum + size, 0);
        const answer = letter in answers ? answers[letter] : bytes > LIMIT ? tooLarge : 0;
        if (answer === 0) taken.push(...messages);
        else codes.push(answer);
        for (const message of messages) {
          message.partition = partitionOf(letter);
          message.fate.answer = answer;
          if (answer === 0) message.fate.receipt = RECEIPT;
        }
      }
      const [first] = codes;
      if (codes.length > 0)
        throw error ?? (typeof first === 'number' && ANSWERS[first]) ?? connectionError();
    },
  };
  await sendInOrder(requests, way, leftOut).catch((reason: unknown) => {
    throw Object.assign(reason as Error, { leftOut });
  });
  return { taken, sizes, keys: [...leftOut.keys], partitions: [...leftOut.partitions] };
}

describe('sendInOrder', () => {
  it('sends all at once when Kafka takes it', async () => {
    const messages = [...of('a', 1, 2), ...of('b', 3)];
    const nothing = { keys: [], partitions: [] };
    expect(await sent([messages])).toEqual({ taken: messages, sizes: [3], ...nothing });
  });

  it.each([TOO_LARGE, 18])(
    'halves what is too large together (%i), and keeps the order',
    async (tooLarge) => {
      const messages = [...of('a1', 4, 4), ...of('a2', 4), ...of('a1', 4), ...of('a3', 4)];
      const { taken, keys } = await sent([messages], { tooLarge });
      expect(taken).toEqual(messages);
      expect(keys).toEqual([]);
    },
  );

  it('leaves out what is too large alone, and what follows it under its key', async () => {
    const [before, large, after, last] = of('a1', 1, 11, 1, 1) as [Sized, Sized, Sized, Sized];
    const others = of('a2', 1, 1, 1);
    const messages = [others[0]!, before, others[1]!, large, after, others[2]!, last];
    const { taken, keys } = await sent([messages]);
    expect(taken).toEqual([others[0], before, others[1], others[2]]);
    expect(keys).toEqual(['a1']);
  });

  it('leaves out what follows it in a later request, too', async () => {
    const [large, one, follows, two] = [
      ...of('a1', 11),
      ...of('a2', 1),
      ...of('a1', 1),
      ...of('a2', 1),
    ];
    const { taken } = await sent([
      [large!, one!],
      [follows!, two!],
    ]);
    expect(taken).toEqual([one, two]);
  });

  it('finds several of them, each alone', async () => {
    const messages = [...of('a', 11), ...of('b', 1), ...of('c', 12), ...of('d', 1)];
    const { taken, keys } = await sent([messages]);
    expect(taken.map(({ key }) => key)).toEqual(['b', 'd']);
    expect(keys).toEqual(['a', 'c']);
  });

  it('halves only what was not taken', async () => {
    const { sizes } = await sent([[...of('a', 1), ...of('b1', 6), ...of('b2', 6)]]);
    expect(sizes).toEqual([3, 1, 1]);
  });

  it.each([
    ['has no leader', 6],
    ['has too few replicas', 19],
    ['has waited for its replicas in vain', 7],
    ['has a fault', -1],
  ])('leaves out what goes to a partition that %s, and sends the rest once', async (_, code) => {
    const stuck = of('s1', 1, 1, 1);
    const others = of('a', 1, 1, 1);
    const requests = [
      [others[0]!, stuck[0]!, others[1]!, stuck[1]!],
      [stuck[2]!, others[2]!, ...of('s2', 1)],
    ];
    const { sizes, taken, keys, partitions } = await sent(requests, { answers: { s: code } });
    expect(partitions).toEqual([[partitionOf('s'), code]]);
    expect(keys).toEqual([]);
    expect(taken).toEqual(others);
    expect(sizes).toEqual([4, 1]);
  });

  it('leaves it out too when it stands alone', async () => {
    const { partitions } = await sent([of('s', 1)], { answers: { s: 19 } });
    expect(partitions).toEqual([[partitionOf('s'), 19]]);
  });

  it('judges each partition by its own answer, whichever was heard first', async () => {
    const large = [...of('b1', 6), ...of('b2', 6)];
    for (const error of [ANSWERS[19]!, ANSWERS[TOO_LARGE]!]) {
      const messages = [...of('s', 1), ...of('b1', 6), ...of('b2', 6)];
      const { taken, partitions } = await sent([messages], { answers: { s: 19 }, error });
      expect(taken.map(({ key }) => key)).toEqual(large.map(({ key }) => key));
      expect(partitions).toEqual([[partitionOf('s'), 19]]);
    }
  });

  it.each<[string, Answer, Error]>([
    ['was not sent', undefined, protocolError('LEADER_NOT_AVAILABLE', true)],
    ['was not answered', 'awaited', connectionError()],
  ])('leaves out what %s when others were', async (_, answer, error) => {
    const messages = [...of('a', 1), ...of('s', 1)];
    const { taken, partitions } = await sent([messages], { answers: { s: answer }, error });
    expect(taken).toEqual([messages[0]]);
    expect(partitions).toEqual([[partitionOf('s'), answer]]);
  });

  it('leaves out what does not answer again, though nothing else was asked', async () => {
    const messages = of('x', 1, 1);
    const [after] = of('a', 1);
    const sending = sent([messages, [after!]], {
      answers: { x: 'awaited' },
      error: connectionError(),
    });
    const { taken, partitions } = await sending;
    expect(partitions).toEqual([[partitionOf('x'), 'awaited']]);
    expect(taken).toEqual([after]);
  });

  it('leaves no gap where a topic is given more partitions meanwhile', async () => {
    let isGrown = false;
    const seen: string[] = [];
    const leftOut: LeftOut = { keys: new Set(), partitions: new Map() };
    const send = async (request: Sized[]) => {
      await Promise.resolve();
      for (const message of request) {
        const isRefused = message.key === 's1' && !isGrown;
        message.partition = isGrown ? 9 : 3;
        message.fate.answer = isRefused ? 19 : 0;
        if (!isRefused) seen.push(message.key);
      }
      if (isGrown) return;
      isGrown = true;
      throw ANSWERS[19]!;
    };
    const growing = () => (isGrown && seen.length > 0 ? 9 : 3);
    const way = { send, partitionOf: (key: string) => (key[0] === 's' ? growing() : 1), isSuspect };
    const requests = [
      of('s1', 1),
      [...of('s2', 1), ...of('b1', 1)],
      [...of('s1', 1), ...of('s2', 1)],
    ];
    await sendInOrder(requests, way, leftOut);
    expect(seen).toEqual(['b1']);
  });

  it('takes nothing of an earlier request for an answer', async () => {
    const leftOut: LeftOut = { keys: new Set(), partitions: new Map() };
    let tries = 0;
    const send = (request: Sized[]) => {
      tries += 1;
      if (tries > 1) return Promise.reject(connectionError());
      for (const { fate } of request) fate.answer = TOO_LARGE;
      return Promise.reject(ANSWERS[TOO_LARGE]!);
    };
    const sending = sendInOrder([of('a', 6, 6)], { send, partitionOf, isSuspect }, leftOut);
    await expect(sending).rejects.toThrow('gone');
    expect([...leftOut.keys]).toEqual([]);
  });

  it('says what it has left out though it ends with a failure', async () => {
    const requests = [[...of('a', 1), ...of('s', 1)], of('g', 1)];
    const sending = sent(requests, { answers: { s: 19, g: 29 } });
    const partitions = new Map([[partitionOf('s'), 19]]);
    await expect(sending).rejects.toMatchObject({ leftOut: { partitions } });
  });

  it.each<[string, Record<string, Answer>, Error]>([
    [
      'no partition has said anything',
      { a: undefined, s: undefined },
      protocolError('LEADER_NOT_AVAILABLE', true),
    ],
    ['none has answered', { a: 'awaited', s: 'awaited' }, connectionError()],
    ['one takes nothing of ours', { s: 29 }, ANSWERS[29]!],
  ])('sends nothing more when %s', async (_, answers, error) => {
    const later = of('b', 1);
    const requests = [[...of('a', 1), ...of('s', 1)], later];
    await expect(sent(requests, { answers, error })).rejects.toBe(error);
    expect(later[0]!.fate.receipt).toBeUndefined();
  });
});

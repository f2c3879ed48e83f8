import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectionError, partitionOf, protocolError } from './producing-kafka.fixture.ts';
import { MessageRefused, QueueFull } from './publish-errors.ts';
import { message, publisherOn } from './publishing.fixture.ts';

/** Ends what hangs at the end of a test. */
const releases: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(releases.splice(0).map((release) => release()));
});

describe('Publisher', () => {
  it('sends at once when nothing is under way, and together what came meanwhile', async () => {
    const requests: string[][] = [];
    const first = Promise.withResolvers<void>();
    const publisher = await publisherOn(
      async (texts) => {
        requests.push(texts);
        if (requests.length === 1) await first.promise;
      },
      { PUBLISH_IN_FLIGHT_MAX: '1' },
    );
    const one = publisher.publish(message('1'));
    await expect.poll(() => requests).toEqual([['1']]);
    const others = ['2', '3', '4'].map((text) => publisher.publish(message(text)));
    expect(publisher.queuedMessages).toBe(3);
    first.resolve();
    await Promise.all([one, ...others]);
    expect(requests).toEqual([['1'], ['2', '3', '4']]);
    expect(publisher).toMatchObject({ queuedMessages: 0, queuedBytes: 0 });
    await expect.poll(() => publisher.sendsInFlight('commands')).toBe(0);
  });

  /** A publisher whose first request is not answered, and has so many messages; the clock stands still. */
  async function behind(count: number) {
    const requests: string[][] = [];
    const { promise: hanging, resolve } = Promise.withResolvers<void>();
    const publisher = await publisherOn((texts) => {
      requests.push(texts);
      return requests.length === 1 ? hanging : Promise.resolve();
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const send = (...texts: string[]) => texts.map((text) => publisher.publish(message(text)));
    const first = send(...Array.from({ length: count }, String));
    releases.push(() => {
      resolve();
      return Promise.all(first);
    });
    await expect.poll(() => requests.length).toBe(1);
    return { requests, send };
  }

  it('gathers what comes behind many messages, for 20 ms at most', async () => {
    const { requests, send } = await behind(20);
    const sent = send('a');
    for (let turns = 0; turns < 5; turns += 1) await turn();
    sent.push(...send('b'));
    await turn();
    expect(requests).toHaveLength(1);
    vi.advanceTimersByTime(20);
    await Promise.all(sent);
    expect(requests.slice(1)).toEqual([['a', 'b']]);
  });

  it('lets nothing wait behind a few messages', async () => {
    const { requests, send } = await behind(3);
    await Promise.all(send('a'));
    await Promise.all(send('b'));
    expect(requests.slice(1)).toEqual([['a'], ['b']]);
  });

  it('lets what fills a request wait for nothing', async () => {
    const { requests, send } = await behind(20);
    const texts = Array.from({ length: 64 }, (_, index) => `later ${index}`);
    await Promise.all(send(...texts));
    expect(requests.slice(1)).toEqual([texts]);
  });

  it('fills no request beyond its limits, and sends a larger message alone', async () => {
    const requests: string[][] = [];
    const publisher = await publisherOn(
      (texts) => {
        requests.push(texts);
        return Promise.resolve();
      },
      {
        PUBLISH_BATCH_MESSAGES_MAX: '3',
        PUBLISH_BATCH_BYTES_MAX: '1000',
        PUBLISH_IN_FLIGHT_MAX: '1',
      },
    );
    const texts = ['a', 'b', 'c', 'd', 'L'.repeat(2000), 'e'];
    await Promise.all(texts.map((text) => publisher.publish(message(text, { key: null }))));
    expect(requests).toEqual([['a', 'b', 'c'], ['d'], [texts[4]], ['e']]);
  });

  it('tells each caller where its own message landed', async () => {
    const publisher = await publisherOn(() => Promise.resolve());
    const receipts = await Promise.all(
      ['x', 'x', 'x'].map((key, i) => publisher.publish(message(String(i), { key }))),
    );
    expect(receipts.map(({ offset }) => offset)).toEqual(['100', '101', '102']);
    expect(new Set(receipts.map(({ partition }) => partition)).size).toBe(1);
  });

  it('fails only the message that Kafka refuses, not its neighbours in the request', async () => {
    const publisher = await publisherOn((texts) =>
      texts.includes('bad')
        ? Promise.reject(protocolError('MESSAGE_TOO_LARGE', false, { code: 10 }))
        : Promise.resolve(),
    );
    const texts = Array.from({ length: 50 }, (_, i) => (i === 17 ? 'bad' : String(i)));
    const outcomes = await Promise.allSettled(
      texts.map((text) => publisher.publish(message(text))),
    );
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.map(({ reason }) => reason as unknown)).toEqual([expect.any(MessageRefused)]);
    expect(outcomes[17]?.status).toBe('rejected');
    expect(publisher.healthy).toBe(true);
  });

  it('fails no other topic when one is unknown', async () => {
    const publisher = await publisherOn(() => Promise.resolve(), {}, ['.reports']);
    const [good, bad] = await Promise.allSettled([
      publisher.publish(message('good')),
      publisher.publish(message('bad', { topic: 'reports' })),
    ]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(MessageRefused) });
    expect(publisher.healthy).toBe(true);
  });

  const UNKNOWN = { name: 'BrokerUnavailable', fate: 'unknown' };
  const REFUSED = { name: 'MessageRefused', fate: 'notWritten' };

  const REFUSALS = [
    ['UNKNOWN_TOPIC_OR_PARTITION', true, 3],
    ['TOPIC_AUTHORIZATION_FAILED', false, 29],
  ] as const;

  it.each(REFUSALS)(
    'does not say that nothing was written when an answer was lost and the next was %s',
    async (type, retriable, code) => {
      let attempts = 0;
      const publisher = await publisherOn(() =>
        Promise.reject(
          ++attempts === 1 ? connectionError() : protocolError(type, retriable, { code }),
        ),
      );
      await expect(publisher.publish(message('once'))).rejects.toMatchObject(UNKNOWN);
      expect(attempts).toBeGreaterThan(1);
    },
  );

  it.each(REFUSALS)(
    'does not say that nothing was written when an answer was lost and metadata then %s',
    async (type, retriable) => {
      const publisher = await publisherOn(() => Promise.reject(protocolError(type, retriable)));
      await expect(publisher.publish(message('once'))).rejects.toMatchObject(UNKNOWN);
      expect(publisher.healthy).toBe(true);
    },
  );

  it.each(REFUSALS)(
    'says of each partition of a request by itself whether it was %s',
    async (type, retriable, code) => {
      const forbidden = partitionOf('forbidden');
      const refusal = protocolError(type, retriable, { code, refusedOnly: [forbidden] });
      const publisher = await publisherOn(() => Promise.reject(refusal));
      const texts = Array.from({ length: 20 }, (_, i) => String(i));
      const outcomes = await Promise.allSettled(
        texts.map((text) => publisher.publish(message(text))),
      );
      const unknown = { status: 'rejected', reason: expect.objectContaining(UNKNOWN) as unknown };
      const refused = { status: 'rejected', reason: expect.objectContaining(REFUSED) as unknown };
      expect(outcomes).toEqual(
        texts.map((text) => (partitionOf(text) === forbidden ? refused : unknown)),
      );
      expect(publisher.healthy).toBe(true);
    },
  );

  it.each(REFUSALS)(
    'brings the other partitions of a request home when one was %s',
    async (type, retriable, code) => {
      const forbidden = partitionOf('forbidden');
      const isForbidden = (text: string) => partitionOf(text) === forbidden;
      const refusal = protocolError(type, retriable, { code, refusedOnly: [forbidden] });
      const publisher = await publisherOn((texts) =>
        texts.some(isForbidden) ? Promise.reject(refusal) : Promise.resolve(),
      );
      const texts = Array.from({ length: 20 }, (_, i) => String(i));
      const outcomes = await Promise.allSettled(
        texts.map((text) => publisher.publish(message(text))),
      );
      expect(outcomes.map(({ status }) => status)).toEqual(
        texts.map((text) => (isForbidden(text) ? 'rejected' : 'fulfilled')),
      );
    },
  );

  it('does not say that nothing was written for an error that may come after it was', async () => {
    const failure = protocolError('KAFKAJS_UNKNOWN_ERROR_CODE', false, { code: 1234 });
    const publisher = await publisherOn(() => Promise.reject(failure));
    await expect(publisher.publish(message('one'))).rejects.toMatchObject(UNKNOWN);
  });

  it('says at the deadline that nothing was written where each try was refused', async () => {
    const refusal = protocolError('NOT_ENOUGH_REPLICAS', true, { code: 19 });
    const publisher = await publisherOn(() => Promise.reject(refusal));
    const late = message('late', { deadlineMs: performance.now() + 150 });
    await expect(publisher.publish(late)).rejects.toMatchObject({
      name: 'PublishTimeout',
      fate: 'notWritten',
    });
  });

  it('says of a topic that was refused all over that nothing was written', async () => {
    const refusal = protocolError('TOPIC_AUTHORIZATION_FAILED', false, { code: 29 });
    const publisher = await publisherOn(() => Promise.reject(refusal));
    const texts = Array.from({ length: 20 }, (_, i) => String(i));
    const outcomes = await Promise.allSettled(
      texts.map((text) => publisher.publish(message(text))),
    );
    const refused = { status: 'rejected', reason: expect.objectContaining(REFUSED) as unknown };
    expect(outcomes).toEqual(texts.map(() => refused));
  });

  it('sends to the other topics when one that it knows is gone', async () => {
    const lacking: string[] = [];
    const publisher = await publisherOn(() => Promise.resolve(), {}, lacking);
    await publisher.publish(message('before', { topic: 'reports' }));
    lacking.push('.reports');
    await expect(publisher.publish(message('good'))).resolves.toMatchObject({ offset: '100' });
    await expect(publisher.publish(message('bad', { topic: 'reports' }))).rejects.toMatchObject(
      REFUSED,
    );
    await expect(publisher.publish(message('good'))).resolves.toMatchObject({ offset: '100' });
    lacking.push('.events');
    await expect(publisher.publish(message('bad', { topic: 'events' }))).rejects.toMatchObject(
      REFUSED,
    );
    const first = message('good', { topic: 'dispatch.first' });
    await expect(publisher.publish(first)).resolves.toMatchObject({ offset: '100' });
  });

  it('says that nothing was written when no broker was asked to', async () => {
    const publisher = await publisherOn(() => Promise.resolve(), {}, ['.commands']);
    const outcomes = await Promise.allSettled(
      ['1', '2', '3'].map((text) => publisher.publish(message(text))),
    );
    const refused = { status: 'rejected', reason: expect.objectContaining(REFUSED) as unknown };
    expect(outcomes).toEqual([refused, refused, refused]);
  });

  it('tries again what a moving leader turned away', async () => {
    let attempts = 0;
    const publisher = await publisherOn(() =>
      ++attempts < 5
        ? Promise.reject(protocolError('NOT_LEADER_FOR_PARTITION', true))
        : Promise.resolve(),
    );
    await publisher.publish(message('patient'));
    expect(attempts).toBe(5);
  });

  it('lets a topic in trouble take no place of another', async () => {
    const publisher = await publisherOn(
      (_texts, topic) =>
        topic.endsWith('.reports')
          ? Promise.reject(protocolError('NOT_ENOUGH_REPLICAS', true, { code: 19 }))
          : Promise.resolve(),
      { PUBLISH_IN_FLIGHT_MAX: '2' },
    );
    const stuck = Array.from({ length: 3 }, (_, i) => message(String(i), { topic: 'reports' }));
    const refused = [];
    for (const one of stuck) {
      refused.push(publisher.publish(one));
      await turn();
    }
    await expect.poll(() => publisher.sendsInFlight('reports')).toBe(2);
    await expect(publisher.publish(message('fine'))).resolves.toMatchObject({ offset: '100' });
    expect(publisher.sendsInFlight('reports')).toBe(2);
    await publisher.flushAndDisconnect(0);
    const outcomes = await Promise.allSettled(refused);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('rejects at once when the queue is full of messages', async () => {
    const publisher = await publisherOn(() => new Promise(() => undefined), {
      PUBLISH_IN_FLIGHT_MAX: '1',
      PUBLISH_QUEUE_MESSAGES_MAX: '2',
      ACCEPT_TIMEOUT_MS: '1000',
    });
    const sent = Promise.allSettled([publisher.publish(message('sent'))]);
    await expect.poll(() => publisher.sendsInFlight('commands')).toBe(1);
    const queued = Promise.allSettled(['1', '2'].map((text) => publisher.publish(message(text))));
    await expect(publisher.publish(message('3'))).rejects.toBeInstanceOf(QueueFull);
    await Promise.all([sent, queued]);
  });

  it('rejects at once when the queue is full of bytes', async () => {
    const publisher = await publisherOn(() => new Promise(() => undefined), {
      PUBLISH_IN_FLIGHT_MAX: '1',
      PUBLISH_QUEUE_BYTES_MAX: '5000',
      ACCEPT_TIMEOUT_MS: '1000',
    });
    const sent = Promise.allSettled([publisher.publish(message('sent'))]);
    await expect.poll(() => publisher.sendsInFlight('commands')).toBe(1);
    const queued = Promise.allSettled([publisher.publish(message('x'.repeat(2000)))]);
    await expect(publisher.publish(message('y'.repeat(2000)))).rejects.toBeInstanceOf(QueueFull);
    await Promise.all([sent, queued]);
  });

  it('never sends what passed its deadline in the queue, and says that of what was sent nobody knows', async () => {
    const seen: string[] = [];
    const release = Promise.withResolvers<void>();
    const publisher = await publisherOn(
      async (texts) => {
        seen.push(...texts);
        await release.promise;
      },
      { PUBLISH_IN_FLIGHT_MAX: '1' },
    );
    const deadlineMs = performance.now() + 500;
    const sent = Promise.allSettled([publisher.publish(message('sent', { deadlineMs }))]);
    await expect.poll(() => seen).toEqual(['sent']);
    const queued = Promise.allSettled([publisher.publish(message('queued', { deadlineMs }))]);
    expect(await sent).toMatchObject([{ reason: { name: 'PublishTimeout', fate: 'unknown' } }]);
    expect(await queued).toMatchObject([
      { reason: { name: 'PublishTimeout', fate: 'notWritten' } },
    ]);
    release.resolve();
    await publisher.publish(message('later'));
    expect(seen).toEqual(['sent', 'later']);
  });

  it('gives what is under way its time at shutdown, and takes nothing new', async () => {
    const release = Promise.withResolvers<void>();
    const publisher = await publisherOn(() => release.promise);
    const pending = publisher.publish(message('pending'));
    const closed = publisher.flushAndDisconnect(5000);
    await expect(publisher.publish(message('late'))).rejects.toThrow('shutting down');
    release.resolve();
    await expect(pending).resolves.toMatchObject({ offset: '100' });
    await closed;
  });
});

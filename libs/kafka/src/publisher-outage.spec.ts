import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectionError, protocolError, type Send } from './producing-kafka.fixture.ts';
import { BrokerUnavailable } from './publish-errors.ts';
import { message, publisherOn } from './publishing.fixture.ts';

/** Longer than any pause between tries. */
const SOON = { timeout: 10_000 };

const outcomeOf = (published: Promise<unknown>): Promise<unknown> =>
  published.catch((error: unknown) => error);

afterEach(() => void vi.useRealTimers());

/** A publisher whose first connection is made, and no other before the test says so. */
async function hangingFromTheSecondOn(send: Send = () => Promise.resolve()) {
  const hanging = Promise.withResolvers<void>();
  let connects = 0;
  const connect = () => (++connects === 1 ? Promise.resolve() : hanging.promise);
  const publisher = await publisherOn(send, { ACCEPT_TIMEOUT_MS: '200' }, [], connect);
  return { publisher, hanging };
}

describe('Publisher, while Kafka is away', () => {
  it('rejects at once while Kafka is away, and goes on by itself when it is back', async () => {
    let away = true;
    const publisher = await publisherOn(() =>
      away ? Promise.reject(connectionError()) : Promise.resolve(),
    );
    await expect(publisher.publish(message('lost'))).rejects.toBeInstanceOf(BrokerUnavailable);
    expect(publisher.lastFailure?.error.message).toBe('gone');
    away = false;
    await expect.poll(() => publisher.healthy, SOON).toBe(true);
    await expect(publisher.publish(message('found'))).resolves.toMatchObject({ offset: '100' });
  });

  it('is not connected when a broker refuses its sign-in, and refuses no message for good', async () => {
    const refused = protocolError('UNSUPPORTED_SASL_MECHANISM', false);
    let isRefused = true;
    const connect = () => (isRefused ? Promise.reject(refused) : Promise.resolve());
    const publisher = await publisherOn(() => Promise.resolve(), {}, [], connect);
    expect(publisher.healthy).toBe(false);
    expect(publisher.lastFailure?.error.message).toContain('UNSUPPORTED_SASL_MECHANISM');
    const lost = { name: 'BrokerUnavailable', fate: 'notWritten' };
    await expect(publisher.publish(message('lost'))).rejects.toMatchObject(lost);
    isRefused = false;
    await expect.poll(() => publisher.healthy, SOON).toBe(true);
    isRefused = true;
    const elsewhere = message('elsewhere', { topic: 'reports' });
    await expect(publisher.publish(elsewhere)).rejects.toMatchObject(lost);
    isRefused = false;
    await expect.poll(() => publisher.healthy, SOON).toBe(true);
    await expect(publisher.publish(elsewhere)).resolves.toMatchObject({ offset: '100' });
  });

  it('lets a connection take its time with each of many brokers that hang', async () => {
    vi.useFakeTimers();
    const env = { KAFKA_BROKERS: 'a:9092,b:9092,c:9092' };
    const connect = () => new Promise<void>((resolve) => setTimeout(resolve, 50_000));
    const connected = publisherOn(() => Promise.resolve(), env, [], connect);
    await vi.advanceTimersByTimeAsync(50_000);
    expect((await connected).healthy).toBe(true);
  });

  it('connects once more for a topic when that has failed', async () => {
    let connects = 0;
    const connect = () =>
      ++connects === 2 ? Promise.reject(connectionError()) : Promise.resolve();
    const publisher = await publisherOn(() => Promise.resolve(), {}, [], connect);
    const elsewhere = message('elsewhere', { topic: 'reports' });
    await expect(publisher.publish(elsewhere)).resolves.toMatchObject({ offset: '100' });
    expect(connects).toBe(3);
  });

  it('is away when a connection hangs, though all who wait were told, and sends nothing later', async () => {
    const seen: string[] = [];
    const { publisher, hanging } = await hangingFromTheSecondOn(
      async (texts) => void seen.push(...texts),
    );
    const elsewhere = message('elsewhere', { topic: 'reports' });
    await expect(publisher.publish(elsewhere)).rejects.toMatchObject({
      name: 'PublishTimeout',
      fate: 'notWritten',
    });
    await expect.poll(() => publisher.healthy, SOON).toBe(false);
    hanging.resolve();
    await expect.poll(() => publisher.healthy, SOON).toBe(true);
    await publisher.publish(message('later', { topic: 'reports' }));
    expect(seen).toEqual(['later']);
  });

  it('asks a hanging connection no second time for one who still waits', async () => {
    const { publisher, hanging } = await hangingFromTheSecondOn();
    const patient = message('patient', { topic: 'reports', deadlineMs: performance.now() + 5000 });
    await expect(publisher.publish(patient)).rejects.toMatchObject({
      name: 'PublishTimeout',
      fate: 'notWritten',
      cause: { name: 'NotAnswered' },
    });
    hanging.resolve();
  });

  it('is away when a connection fails, though all who wait were told', async () => {
    const { publisher, hanging } = await hangingFromTheSecondOn();
    const elsewhere = message('elsewhere', { topic: 'reports' });
    await expect(publisher.publish(elsewhere)).rejects.toMatchObject({ name: 'PublishTimeout' });
    hanging.reject(connectionError());
    await expect.poll(() => publisher.healthy, { ...SOON, interval: 5 }).toBe(false);
  });

  it('is not closed anew by what was sent before it came back', async () => {
    const answers: PromiseWithResolvers<void>[] = [];
    let connects = 0;
    const publisher = await publisherOn(
      () => {
        const answer = Promise.withResolvers<void>();
        answers.push(answer);
        return answer.promise;
      },
      {},
      [],
      async () => void ++connects,
    );
    const old = ['reports', 'events'] as const;
    const outcomes = old.map((topic) => outcomeOf(publisher.publish(message('old', { topic }))));
    await expect.poll(() => answers.length, SOON).toBe(2);
    const lost = Object.assign(new Error('silence'), { name: 'KafkaJSRequestTimeoutError' });
    answers[0]!.reject(lost);
    await outcomes[0];
    await expect.poll(() => publisher.healthy, SOON).toBe(true);
    const connected = connects;
    answers[1]!.reject(lost);
    expect(await outcomes[1]).toMatchObject({ name: 'PublishTimeout', fate: 'unknown' });
    expect(publisher.healthy).toBe(true);
    expect(connects).toBe(connected);
  });
});

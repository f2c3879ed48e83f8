import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HeldMessage } from '#kafka/held-message';
import { ProjectionProgress } from '#kafka/projection-progress';
import type { Publisher } from '#kafka/publisher';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

let under: KafkaUnderTest;
let publisher: Publisher;

function publishAll(values: string[], key = 'one target'): Promise<unknown> {
  return Promise.all(values.map((value) => publisher.publish({ topic: 'commands', key, value })));
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}

describe('BatchStrategy', () => {
  beforeEach(async () => {
    under = await new KafkaUnderTest({ INGEST_BATCH_MAX: '10' }).topics();
    publisher = await under.publisher();
  });

  it('hands over what was produced before the first join, in order, in batches up to the limit', async () => {
    await publishAll(numbers(95));
    const batches: string[][] = [];
    const { strategy } = under.consume('commands', async (batch) => {
      expect(batch).toMatchObject({
        topic: 'commands',
        topicName: `${under.settings.KAFKA_TOPIC_PREFIX}.commands`,
      });
      batches.push(texts(batch));
    });
    await expect.poll(() => batches.flat(), PATIENTLY).toEqual(numbers(95));
    expect(Math.max(...batches.map(({ length }) => length))).toBe(10);
    expect(strategy).toMatchObject({ joined: true, alive: true });
  });

  it('gives the same messages again after a failure, and tells the handler so', async () => {
    const calls: { texts: string[]; attempt: number; failing: boolean }[] = [];
    under.consume('commands', async (batch, { attempt, firstFailedAt }) => {
      calls.push({ texts: texts(batch), attempt, failing: firstFailedAt !== undefined });
      if (calls.length === 1) throw new Error('the database is away');
    });
    await publishAll(numbers(5));
    await expect
      .poll(() => calls.slice(1).flatMap((call) => call.texts), PATIENTLY)
      .toEqual(numbers(5));
    expect(calls[0]).toMatchObject({ attempt: 1, failing: false });
    expect(calls[1]).toMatchObject({ attempt: 2, failing: true });
    expect(calls[1]?.texts[0]).toBe('0');
  });

  it('rests after a small batch, so that what comes meanwhile is one batch', async () => {
    const batches: { texts: string[]; beganAtMs: number; endedAtMs: number }[] = [];
    under.consume('commands', async (batch) => {
      const beganAtMs = performance.now();
      if (batches.length === 0) await publishAll(['next']);
      await delay(30);
      batches.push({ texts: texts(batch), beganAtMs, endedAtMs: performance.now() });
    });
    await publishAll(['first']);
    await expect
      .poll(() => batches.map((batch) => batch.texts), PATIENTLY)
      .toEqual([['first'], ['next']]);
    expect(batches[1]!.beganAtMs - batches[0]!.endedAtMs).toBeGreaterThan(18);
  });

  it('commits what is done before a message that has to wait, and goes on from that message', async () => {
    const progress = new ProjectionProgress(under.settings, under.kafka);
    under.onEnd(() => progress.onApplicationShutdown());
    const batches: string[][] = [];
    let held = true;
    under.consume('commands', async (batch) => {
      batches.push(texts(batch));
      const index = texts(batch).indexOf('3');
      if (held && index >= 0) throw new HeldMessage(index, new Error('the issuer is away'));
    });
    await publishAll(numbers(8));
    await expect.poll(() => batches.at(-1)?.[0], PATIENTLY).toBe('3');
    const done = [...(await progress.committedOffsets()).values()];
    expect(done).toEqual([3n]);
    held = false;
    await expect.poll(() => batches.at(-1)?.at(-1), PATIENTLY).toBe('7');
    expect(batches.flat().filter((text) => text < '3')).toEqual(['0', '1', '2']);
  });

  it.each([
    { name: 'TypeError', Mistake: TypeError },
    { name: 'RangeError', Mistake: RangeError },
    { name: 'SyntaxError', Mistake: SyntaxError },
  ])('outlives a $name of the handler, which would end kafkajs for good', async ({ Mistake }) => {
    let failures = 0;
    const seen: string[] = [];
    const { strategy, fatal } = under.consume('commands', async (batch) => {
      if (failures++ < 2) throw new Mistake('a mistake of the handler');
      seen.push(...texts(batch));
    });
    await publishAll(['poison', 'next']);
    await expect.poll(() => seen, PATIENTLY).toEqual(['poison', 'next']);
    expect(fatal).toEqual([]);
    expect(strategy.alive).toBe(true);
  });

  it('goes on with the other partitions while one fails', async () => {
    const seen: string[] = [];
    under.consume('commands', async (batch) => {
      if (texts(batch).includes('poison')) throw new Error('never works');
      seen.push(...texts(batch));
    });
    const poison = await publisher.publish({ topic: 'commands', key: 'a', value: 'poison' });
    const others = await Promise.all(
      numbers(20).map(async (value) => ({
        value,
        ...(await publisher.publish({ topic: 'commands', key: value, value })),
      })),
    );
    const free = others.filter(({ partition }) => partition !== poison.partition);
    await expect
      .poll(() => new Set(seen), PATIENTLY)
      .toEqual(new Set(free.map(({ value }) => value)));
  });

  it('goes on with one topic while the handler of another waits for it', async () => {
    const stored = Promise.withResolvers<void>();
    const seen: string[] = [];
    const { strategy } = under.consumeAll([
      [
        'commands',
        async (batch) => {
          seen.push(...texts(batch));
          stored.resolve();
        },
      ],
      [
        'reports',
        async (batch) => {
          await stored.promise;
          seen.push(...texts(batch));
        },
      ],
    ]);
    await expect.poll(() => strategy.joined, PATIENTLY).toBe(true);
    await publisher.publish({ topic: 'reports', key: 'k', value: 'report' });
    await publisher.publish({ topic: 'commands', key: 'k', value: 'command' });
    await expect.poll(() => seen, PATIENTLY).toEqual(['command', 'report']);
  });

  it('commits once the handler has returned, so that readers of their own writes go on', async () => {
    const progress = new ProjectionProgress(under.settings, under.kafka);
    under.onEnd(() => progress.onApplicationShutdown());
    const behind = async () => [...(await progress.messagesBehind()).values()].filter(Boolean);
    const release = Promise.withResolvers<void>();
    under.consume('commands', () => release.promise);
    await publishAll(['held']);
    expect(await progress.waitUntilPassed(performance.now() + 500)).toBe('notReached');
    expect(await behind()).toEqual([1]);
    const waiting = progress.waitUntilPassed(performance.now() + 30_000);
    release.resolve();
    expect(await waiting).toBe('reached');
    expect(await behind()).toEqual([]);
  });

  it('lets a running handler end before it closes, and leaves the rest for the next', async () => {
    const first: string[] = [];
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await publishAll(numbers(30));
    const { strategy } = under.consume('commands', async (batch) => {
      begun.resolve();
      await release.promise;
      first.push(...texts(batch));
    });
    await begun.promise;
    const closed = strategy.close();
    release.resolve();
    await closed;
    expect(first).toEqual(numbers(10));
    const second: string[] = [];
    under.consume('commands', async (batch) => {
      second.push(...texts(batch));
    });
    await expect.poll(() => second, PATIENTLY).toEqual(numbers(30).slice(10));
  });

  it('has committed all that was done by the time it is closed', async () => {
    const progress = new ProjectionProgress(under.settings, under.kafka);
    under.onEnd(() => progress.onApplicationShutdown());
    await publishAll(numbers(30));
    const seen: string[] = [];
    const { strategy } = under.consume('commands', async (batch) => {
      seen.push(...texts(batch));
    });
    await expect.poll(() => seen.length, { ...PATIENTLY, interval: 1 }).toBe(30);
    await strategy.close();
    expect([...(await progress.committedOffsets()).values()]).toEqual([30n]);
  });

  it('moves partitions to a second member, and loses nothing on the way', async () => {
    const seen = new Set<string>();
    const members = new Set<number>();
    const member = (index: number) =>
      under.consume('commands', async (batch) => {
        members.add(index);
        for (const text of texts(batch)) seen.add(text);
      }).strategy;
    const one = member(1);
    await expect.poll(() => one.joined, PATIENTLY).toBe(true);
    const values = numbers(400);
    const publishing = Promise.all(
      values.map((value) => publisher.publish({ topic: 'commands', key: value, value })),
    );
    const two = member(2);
    await expect.poll(() => two.joined, PATIENTLY).toBe(true);
    await publishing;
    const late = numbers(100).map((value) => `late-${value}`);
    await Promise.all(
      late.map((value) => publisher.publish({ topic: 'commands', key: value, value })),
    );
    await expect.poll(() => seen, PATIENTLY).toEqual(new Set([...values, ...late]));
    expect(members).toEqual(new Set([1, 2]));
  });
});

describe('ProjectionProgress', () => {
  let progress: ProjectionProgress;

  beforeAll(async () => {
    under = await new KafkaUnderTest().topics();
    publisher = await under.publisher();
    progress = new ProjectionProgress(under.settings, under.kafka);
    under.onEnd(() => progress.onApplicationShutdown());
  });

  it('counts an empty log as projected, although no worker has ever committed', async () => {
    expect(await progress.waitUntilPassed(performance.now() + 20_000)).toBe('reached');
  });

  it('counts a log that no worker has touched as not projected', async () => {
    await publishAll(['waiting']);
    expect(await progress.waitUntilPassed(performance.now() + 500)).toBe('notReached');
    const ends = await progress.endOffsets();
    expect([...ends.values()].reduce((sum, end) => sum + end)).toBe(1n);
  });

  it('says that it cannot tell when Kafka cannot be reached, within the deadline', async () => {
    const nowhere = new KafkaUnderTest({ KAFKA_BROKERS: '127.0.0.1:1', ACCEPT_TIMEOUT_MS: '3000' });
    const blind = new ProjectionProgress(nowhere.settings, nowhere.kafka);
    const startedMs = performance.now();
    expect(await blind.waitUntilPassed(startedMs + 2000)).toBe('unreadable');
    expect(performance.now() - startedMs).toBeLessThan(4000);
    await blind.onApplicationShutdown();
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay, setInterval as paced } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { BatchStrategy } from '#kafka/batch-strategy';
import { createKafka } from '#kafka/client';
import { ensureTopics } from '#kafka/ensure-topics';
import { Publisher } from '#kafka/publisher';
import { topicName } from '#kafka/topics';
import type { KafkaProcess } from '../../dev/kafka/broker.ts';
import { startKafkaCluster } from '../../dev/kafka/cluster.ts';
import { findJava, JAVA_MAJOR_MIN } from '../../dev/kafka/java.ts';
import type { AppProcess } from '../support/app-process.ts';
import { type Client, simulate } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { System } from '../support/system.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const BROKERS = 3;
/** Of one partition here: whoever leads it coordinates all groups. */
const OFFSETS = '__consumer_offsets';
const LANES = 6;
const CREATE_INTERVAL_MS = 100;
/** A session of a broker that is gone (3 s), elections, and what clients take to hear of them; the machine is slow. */
const FAILOVER_MS_MAX = 30_000;
const WITHIN = { timeout: FAILOVER_MS_MAX, interval: 100 };

const java = await findJava();
const isJavaMissing = java === undefined || java.major < JAVA_MAJOR_MIN;
// In CI it fails instead: there it is to be had.
if (isJavaMissing) console.log('Skipped: three brokers: they need Java');

describe.skipIf(isJavaMissing && !process.env['CI'])(
  'three brokers with two copies in sync',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'security-actions-brokers-'));
    let brokers: KafkaProcess[] = [];
    let system: System;
    let client: Client;
    /** Answered 201, by either test. */
    const accepted: string[] = [];

    beforeAll(async () => {
      brokers = await startKafkaCluster({ directory, nodes: BROKERS });
      system = await System.start({
        kafkaBrokers: brokers.flatMap((broker) => broker.brokers).join(','),
        workers: 2,
        env: {
          KAFKA_PARTITIONS: '6',
          KAFKA_REPLICATION_FACTOR: String(BROKERS),
          KAFKA_MIN_INSYNC_REPLICAS: '2',
        },
      });
      client = await system.client();
    }, 180_000);
    afterAll(async () => {
      await system?.stop();
      await Promise.all(brokers.map((broker) => broker.kill()));
      rmSync(directory, { recursive: true, force: true });
    });

    const create = async () => {
      const { status, headers, body } = await client.create(simulate({}, 'Strict Simulator'));
      if (status === 201) accepted.push(body.id);
      return { status, mayComeAgain: headers.has('retry-after'), endedAtMs: performance.now() };
    };

    /** Every action that was accepted has been done, once; what was answered 503 may have been, but not twice. */
    const allDoneOnce = async () => {
      await vi.waitFor(
        async () => {
          const rows = await system.query<{ id: string }>(
            `SELECT "id" FROM "security_action" WHERE "status" = 'Completed'`,
          );
          const completed = new Set(rows.map(({ id }) => id));
          expect(accepted.filter((id) => !completed.has(id))).toEqual([]);
          expect(Object.keys(await system.statuses())).toEqual(['Completed']);
        },
        { timeout: 60_000, interval: 250 },
      );
      const done = system.effects().map(({ actionId }) => actionId);
      expect(new Set(done).size).toBe(done.length);
      expect(accepted.filter((id) => !done.includes(id))).toEqual([]);
    };

    const allInSync = () => vi.waitFor(async () => expect(await inSync(system)).toBe(true), WITHIN);

    /** Nobody was restarted, or had to be. */
    const allLive = async () => {
      const apps = [...system.apis, ...system.workers];
      expect(await Promise.all(apps.map(health))).toEqual(apps.map(() => 200));
    };

    /** Creates without a break until `whileUnderLoad` is over. */
    const underLoad = async (
      whileUnderLoad: (acceptedMore: (count: number) => Promise<void>) => Promise<void>,
    ) => {
      const answers: Awaited<ReturnType<typeof create>>[] = [];
      const end = new AbortController();
      const load = Array.from({ length: LANES }, async () => {
        for await (const _ of paced(CREATE_INTERVAL_MS)) {
          if (end.signal.aborted) return;
          answers.push(await create());
        }
      });
      // Also if it fails: a create must not come after the system.
      onTestFinished(() => end.abort());
      await whileUnderLoad(async (count) => {
        const enough = accepted.length + count;
        await vi.waitFor(() => expect(accepted.length).toBeGreaterThan(enough), FAILOVER_MS_MAX);
      });
      end.abort();
      await Promise.all(load);
      return answers.filter(({ status }) => status !== 201);
    };

    it('lose nothing that was accepted when the one that leads most partitions is killed under load, and refuse for a while at most', async () => {
      let killedAtMs = 0;
      const refused = await underLoad(async (acceptedMore) => {
        await acceptedMore(200);
        const leader = brokers[(await busiestLeader(system)) - 1]!;
        killedAtMs = performance.now();
        await leader.kill();
        await acceptedMore(300);
        await leader.restart();
        await acceptedMore(300);
      });

      expect(refused.filter(({ status, mayComeAgain }) => status !== 503 || !mayComeAgain)).toEqual(
        [],
      );
      const refusedUntilMs = Math.max(killedAtMs, ...refused.map(({ endedAtMs }) => endedAtMs));
      expect(refusedUntilMs - killedAtMs).toBeLessThan(FAILOVER_MS_MAX);
      await allInSync();
      await allDoneOnce();
      await allLive();
    }, 180_000);

    it.each([
      ['the first in KAFKA_BROKERS', () => Promise.resolve(1)],
      ['one that leads partitions and coordinates no group', leaderBesides],
    ])(
      'take creates and run them while %s hangs',
      async (_, choose) => {
        const hung = brokers[(await choose(system)) - 1]!;
        onTestFinished(() => hung.resume());
        const refused = await underLoad(async (acceptedMore) => {
          await acceptedMore(100);
          hung.pause();
          await acceptedMore(300);
        });
        expect(
          refused.filter(({ status, mayComeAgain }) => status !== 503 || !mayComeAgain),
        ).toEqual([]);
        await allDoneOnce();
        await allLive();

        await Promise.all(system.workers.splice(0).map((worker) => worker.stop()));
        await Promise.all([system.startWorker(), system.startApi()]);
        const another = await system.client({}, system.apis.length - 1);
        const { status, body } = await another.create(simulate({}, 'Strict Simulator'));
        expect(status).toBe(201);
        accepted.push(body.id);
        await allDoneOnce();
        hung.resume();
        await vi.waitFor(async () => expect(await inSync(system)).toBe(true), {
          timeout: FAILOVER_MS_MAX,
          interval: 200,
        });
      },
      180_000,
    );

    it('have every partition read by who reads already, soon after the leader of some hangs', async () => {
      const { kafkaBrokers } = system;
      const settings = loadSettings({
        KAFKA_BROKERS: kafkaBrokers,
        KAFKA_TOPIC_PREFIX: `${system.topicPrefix}-read`,
        KAFKA_PARTITIONS: '6',
        KAFKA_REPLICATION_FACTOR: String(BROKERS),
        KAFKA_MIN_INSYNC_REPLICAS: '2',
      });
      const kafka = createKafka(settings, silent);
      await ensureTopics(createKafka(settings, silent, { requestTimeoutMs: 30_000 }), settings);
      const seen = new Set<number>();
      const strategy = new BatchStrategy({ settings, log: silent, onFatal: () => undefined });
      strategy.addHandler('commands', async ({ partition }) => void seen.add(partition), true);
      strategy.listen(() => undefined);
      onTestFinished(() => strategy.close());
      const publisher = new Publisher(settings, kafka);
      await publisher.connect();
      onTestFinished(() => publisher.flushAndDisconnect(0));
      const isEachRead = async () => {
        const keys = Array.from({ length: 60 }, (_, index) => `${index}`);
        const message = { topic: 'commands', value: '' } as const;
        await Promise.allSettled(keys.map((key) => publisher.publish({ ...message, key })));
        expect(seen.size).toBe(6);
      };
      await vi.waitFor(isEachRead, WITHIN);
      const prefix = settings.KAFKA_TOPIC_PREFIX;
      const hung = brokers[(await leaderBesides({ kafkaBrokers, topicPrefix: prefix })) - 1]!;
      onTestFinished(() => hung.resume());
      hung.pause();
      await delay(1000); // Until what it has answered already has been read.
      seen.clear();
      await vi.waitFor(isEachRead, WITHIN);
      hung.resume();
      await allInSync();
    }, 180_000);

    it('refuse every create while one alone is left, which is too few, and go on with all when the others are back', async () => {
      const stored = accepted[0]!;
      const [first, second] = brokers;
      await Promise.all([first!.kill(), second!.kill()]);
      const answers = await inParallel(Array.from({ length: 30 }), 3, create);
      expect(answers.filter(({ status, mayComeAgain }) => status !== 503 || !mayComeAgain)).toEqual(
        [],
      );
      expect((await client.get(stored)).body.status).toBe('Completed');
      expect((await client.list()).status).toBe(200);

      await Promise.all([first!.restart(), second!.restart()]);
      await vi.waitFor(async () => expect((await create()).status).toBe(201), {
        timeout: FAILOVER_MS_MAX,
        interval: 200,
      });
      const afterwards = await inParallel(Array.from({ length: 30 }), 3, create);
      expect(afterwards.filter(({ status }) => status !== 201)).toEqual([]);
      await allDoneOnce();
      await allLive();
    }, 180_000);
  },
);

async function health({ adminUrl }: AppProcess): Promise<number> {
  return (await fetch(`${adminUrl}/healthz`)).status;
}

type Place = Pick<System, 'kafkaBrokers' | 'topicPrefix'>;

/** The ids of the brokers that lead partitions of the commands, most first, and of the one that coordinates all groups. */
async function leaders({ kafkaBrokers, topicPrefix }: Place) {
  const commands = topicName(topicPrefix, 'commands');
  const [ofCommands, ofOffsets] = await partitionsOf(kafkaBrokers, [commands, OFFSETS]);
  const byLeader = Map.groupBy(ofCommands!, ({ leader }) => leader);
  const most = [...byLeader].toSorted(([, one], [, other]) => other.length - one.length);
  return { leading: most.map(([id]) => id), coordinator: ofOffsets![0]!.leader };
}

async function busiestLeader(system: System): Promise<number> {
  return (await leaders(system)).leading[0]!;
}

async function leaderBesides(system: Place): Promise<number> {
  const { leading, coordinator } = await leaders(system);
  return leading.find((id) => id !== coordinator)!;
}

/** Whether every copy is, of the commands and of what groups have committed, so that the next broker may go. */
async function inSync({ kafkaBrokers, topicPrefix }: Place): Promise<boolean> {
  const topics = await partitionsOf(kafkaBrokers, [topicName(topicPrefix, 'commands'), OFFSETS]);
  return topics.flat().every(({ isr, replicas }) => isr.length === replicas.length);
}

async function partitionsOf(kafkaBrokers: string, names: string[]) {
  const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
  const admin = createKafka(settings, silent).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    return names.map((name) => topics.find((topic) => topic.name === name)!.partitions);
  } finally {
    await admin.disconnect();
  }
}

import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runOrThrow } from '../../dev/process/run.ts';
import { deadLetters } from '../support/letters-by-origin.ts';
import { drained } from '../support/drained.ts';
import { ensureVirtualEnvironment } from '../support/python.ts';
import { System } from '../support/system.ts';

/** FLOOD_REQUESTS=100000 for the full measure; what each run can bear otherwise. */
const REQUESTS = Number(process.env['FLOOD_REQUESTS'] ?? 20_000);
/** For its first ten seconds of work Node lets the heap grow: that is no leak, and not measured. */
const WARM_UP_REQUESTS = 20_000;
/** A request in two milliseconds is far below what two processors do. */
const TIMEOUT_MS = 180_000 + 2 * (REQUESTS + WARM_UP_REQUESTS);
const SAMPLE_MS = 500;
const MIB = 1024 * 1024;
/** Garbage that waits to be collected comes and goes; a leak of 1 KiB a request would be above it. */
const GROWTH_BYTES_MAX = 96 * MIB;

const CODES: Record<string, string> = {
  'bad JSON': 'invalidRequest',
  empty: 'invalidRequest',
  tombstone: 'invalidRequest',
  '2 MB': 'requestEntityTooLarge',
  'U+0000': 'invalidRequest',
  'lone surrogate': 'invalidRequest',
  'wrong types': 'invalidRequest',
  'unknown provider': 'unknownProvider',
  'bad token': 'InvalidAuthenticationToken',
  'other tenant': 'Authorization_RequestDenied',
};

interface Plan {
  /** Begins the `client-request-id` of each message, and its key if it has one. */
  name: string;
  count: number;
  /** Among how many targets they go around; 0: they have none. */
  targets: number;
  poison: boolean;
  keyed: boolean;
}

/** What librdkafka was told by the broker. */
interface Flood {
  /** Good ones. */
  acknowledged: number;
  /** The kind of each poison by `<partition>/<offset>`. */
  poison: Record<string, string>;
}

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const python = await ensureVirtualEnvironment(beside('requests.requirements.txt'), '3.11');

describe.skipIf(python === undefined)('requests produced by librdkafka', () => {
  let system: System;
  afterEach(() => system?.stop());

  async function flood(plan: Plan): Promise<Flood> {
    const topic = `${system.topicPrefix}.requests`;
    const token = await system.issuer.token();
    const whole = { ...plan, brokers: system.kafkaBrokers, topic, token };
    const output = await runOrThrow('The flood', [
      python!,
      beside('python/flood.py'),
      JSON.stringify(whole),
    ]);
    // librdkafka may complain before that.
    return JSON.parse(output.slice(output.lastIndexOf('\n') + 1)) as Flood;
  }

  /** How many actions there are, and how many names they have. */
  async function stored() {
    const [counts] = await system.query<{ actions: number; names: number }>(
      'SELECT count(*)::int AS actions, count(DISTINCT "clientRequestId")::int AS names FROM security_action',
    );
    return counts!;
  }

  async function residentBytes(): Promise<number> {
    const text = await (await fetch(`${system.workers[0]!.adminUrl}/metrics`)).text();
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
  }

  /** Until all of them are stored; what the worker weighed meanwhile, in bytes. */
  async function weighedUntilStored(count: number): Promise<number[]> {
    const weights: number[] = [];
    await vi.waitFor(
      async () => {
        weights.push(await residentBytes());
        expect(await stored()).toEqual({ actions: count, names: count });
      },
      { timeout: TIMEOUT_MS, interval: SAMPLE_MS },
    );
    return weights;
  }

  it(
    `become actions exactly, ${REQUESTS} in one go with a hundredth of poison, in bounded memory and without a restart`,
    async () => {
      system = await System.start();
      const [worker] = system.workers;
      const { pid } = worker!;
      const plan = { name: 'flood', count: REQUESTS, targets: 0, poison: true, keyed: false };
      await flood({ ...plan, name: 'warm-up', count: WARM_UP_REQUESTS, poison: false });
      await weighedUntilStored(WARM_UP_REQUESTS);
      const began = performance.now();
      const flooded = flood(plan);
      const good = REQUESTS - REQUESTS / 100;
      const all = WARM_UP_REQUESTS + good;
      const weights = await weighedUntilStored(all);
      const seconds = (performance.now() - began) / 1000;
      const { acknowledged, poison } = await flooded;
      expect(acknowledged).toBe(good);
      await drained(system, 'requests');
      await drained(system, 'commands');
      expect(await stored()).toEqual({ actions: all, names: all });

      const letters = await deadLetters(system);
      const causes = Object.fromEntries(
        [...letters].map(([origin, { headers }]) => [origin, headers['x-error-code']]),
      );
      const topic = `${system.topicPrefix}.requests`;
      expect(causes).toEqual(
        Object.fromEntries(
          Object.entries(poison).map(([place, kind]) => [`${topic}/${place}`, CODES[kind]]),
        ),
      );
      expect(new Set(Object.values(poison))).toEqual(new Set(Object.keys(CODES)));

      const middle = weights.length >> 1;
      const [earlier, later] = [weights.slice(0, middle), weights.slice(middle)];
      expect(Math.max(...later)).toBeLessThan(Math.max(...earlier) + GROWTH_BYTES_MAX);
      expect([worker!.pid, system.workers.length]).toEqual([pid, 1]);
      console.log(
        `${good} requests became actions in ${seconds.toFixed(1)} s; MiB: ${weights.map((bytes) => Math.round(bytes / MIB)).join(' ')}`,
      );
    },
    TIMEOUT_MS,
  );

  it(
    'become one action for each idempotency key, three times over and across a restart',
    async () => {
      system = await System.start({ env: { SHUTDOWN_GRACE_MS: '2000' } });
      const plan = { name: 'keyed', count: 1000, targets: 20, poison: false, keyed: true };
      await flood(plan);
      await system.workers[0]!.stop();
      await flood(plan);
      await system.startWorker();
      await flood(plan);
      await drained(system, 'requests');
      await drained(system, 'commands');
      expect(await stored()).toEqual({ actions: 1000, names: 1000 });
      await vi.waitFor(async () => expect(await system.statuses()).toEqual({ Completed: 1000 }), {
        timeout: 60_000,
        interval: 200,
      });
      const acted = system.effects().map(({ actionId }) => actionId);
      expect(new Set(acted).size).toBe(1000);
      expect(await deadLetters(system)).toEqual(new Map());
    },
    TIMEOUT_MS,
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setInterval as paced, setTimeout as outage } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { OffsetReader } from '#kafka/offset-reader';
import { consumerGroupId, topicName } from '#kafka/topics';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';
import type { AppProcess } from '../support/app-process.ts';
import { simulate } from '../support/client.ts';
import { System } from '../support/system.ts';

const HUNG_MS = 45_000;
const STOPPED_MS = 45_000;
const LANES = 4;
const CREATE_INTERVAL_MS = 150;
const LINES_OF_THE_START = 'has joined the group';
/** What a worker logs when it loses its place in a group, or leaves and comes back. */
const UNREST = /has joined the group|rebalanc|made anew|no sign of life|crash/i;

describe('an outage of Postgres of 90 s under load', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-postgres-outage-'));
  let postgres: PostgresProcess;
  let system: System;
  let commands: OffsetReader;

  beforeAll(async () => {
    postgres = await startPostgres({ directory: `${directory}/postgres` });
    // Joins are told at this level.
    const env = { LOG_LEVEL: 'debug' };
    system = await System.start({ databaseUrl: postgres.url('postgres'), workers: 2, env });
    const { kafkaBrokers, topicPrefix } = system;
    const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
    commands = new OffsetReader(
      createKafka(settings, pino({ level: 'silent' })),
      topicName(topicPrefix, 'commands'),
      consumerGroupId(topicPrefix, 'commands'),
    );
  });
  afterAll(async () => {
    await commands?.close();
    await system?.stop();
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const lag = async () => {
    const [ends, committed] = await Promise.all([commands.ends(), commands.committed()]);
    const behind = [...ends].map(([partition, { low, high }]) =>
      Number(high - (committed.get(partition) ?? low)),
    );
    return behind.reduce((sum, one) => sum + one, 0);
  };

  it('refuses no create and costs no worker its place in the group; afterwards each action is run, once', async () => {
    const client = await system.client();
    const accepted: string[] = [];
    const refused: number[] = [];
    const end = new AbortController();
    const load = Array.from({ length: LANES }, async () => {
      for await (const _ of paced(CREATE_INTERVAL_MS)) {
        if (end.signal.aborted) return;
        const { status, body } = await client.create(simulate());
        if (status === 201) accepted.push(body.id);
        else refused.push(status);
      }
    });
    // Also if it fails: a create must not come after the system.
    onTestFinished(() => end.abort());
    await vi.waitFor(async () => {
      expect((await system.statuses())['Completed']).toBeGreaterThan(100);
      expect(await lag()).toBeLessThan(10);
    }, 60_000);
    const joinedBefore = system.workers.map((worker) => worker.log().includes(LINES_OF_THE_START));
    const logged = system.workers.map((worker) => worker.log().length);

    // One of each lane may have been stored before its answer came.
    const allStillThere = async (before: number) => {
      const acceptedSince = accepted.length - before;
      expect(await lag()).toBeGreaterThanOrEqual(acceptedSince - LANES);
    };

    postgres.pause();
    let acceptedBefore = accepted.length;
    await outage(HUNG_MS);
    await allStillThere(acceptedBefore);
    postgres.resume();
    await postgres.stop();
    acceptedBefore = accepted.length;
    await outage(STOPPED_MS);
    await allStillThere(acceptedBefore);
    expect(await Promise.all(system.workers.map(health))).toEqual([200, 200]);
    await postgres.restart();
    end.abort();
    await Promise.all(load);

    expect(refused).toEqual([]);
    await vi.waitFor(
      async () => {
        expect(await system.statuses()).toEqual({ Completed: accepted.length });
        expect(await lag()).toBe(0);
      },
      { timeout: 60_000, interval: 250 },
    );
    const unrest = system.workers.flatMap((worker, index) =>
      worker
        .log()
        .slice(logged[index])
        .split('\n')
        .filter((line) => UNREST.test(line)),
    );
    expect([joinedBefore, unrest]).toEqual([[true, true], []]);
    expect(
      system
        .effects()
        .map(({ actionId }) => actionId)
        .toSorted(),
    ).toEqual(accepted.toSorted());
  }, 240_000);
});

async function health({ adminUrl }: AppProcess): Promise<number> {
  return (await fetch(`${adminUrl}/healthz`)).status;
}

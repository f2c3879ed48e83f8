import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeadLetterEntity } from '#database/entities/dead-letter.entity';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';
import { type Client, simulate } from '../support/client.ts';
import { type LetterChoice, putAside } from '../support/put-aside.ts';
import { drained } from '../support/drained.ts';
import { produce } from '../support/produce.ts';
import { readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

const rowsOf = (system: System) =>
  system.query<DeadLetterEntity>('SELECT * FROM dead_letter ORDER BY "originOffset"');

describe('dead letters in Postgres', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start({ env: { KAFKA_PARTITIONS: '2' } });
    client = await system.client();
  });
  afterAll(() => system?.stop());
  afterEach(() => system.query('TRUNCATE dead_letter'));

  const stored = async () => {
    await drained(system, 'dead-letters');
    return rowsOf(system);
  };
  const store = async (...choices: LetterChoice[]) => {
    await putAside(system, ...choices);
    return stored();
  };

  it('are what no worker can use, with cause, place and contents', async () => {
    await produce(system, 'commands', [{ key: 'k', value: 'no command', headers: { a: 'b' } }]);
    await drained(system, 'commands');
    expect(await stored()).toEqual([
      expect.objectContaining({
        azureTenantId: '',
        appId: null,
        state: 'open',
        code: 'invalidRequest',
        message: 'The value is not JSON.',
        attempts: 1,
        originTopic: `${system.topicPrefix}.commands`,
        valueBytes: 10,
        key: Buffer.from('k'),
        value: Buffer.from('no command'),
        headers: [['a', 'Yg==']],
      }),
    ]);
  });

  it('never hold the token that a message came with', async () => {
    const forbidden = await system.issuer.token({ roles: ['SecurityActions.Read.All'] });
    const token = (spelled: string, text: string) => ({
      value: JSON.stringify({ id: 'none', status: 'Completed' }),
      headers: { [spelled]: `Bearer ${text}`, kept: 'yes' },
    });
    await produce(system, 'reports', [
      token('authorization', client.token),
      token('Authorization', forbidden),
      token('AUTHORIZATION', 'no token at all'),
    ]);
    await drained(system, 'reports');
    const rows = await stored();
    expect(rows.map(({ code }) => code).toSorted()).toEqual([
      'Authorization_RequestDenied',
      'InvalidAuthenticationToken',
      'invalidRequest',
    ]);
    expect(rows.map(({ headers }) => headers)).toEqual(rows.map(() => [['kept', 'eWVz']]));
    const texts = await system.query<{ text: string }>('SELECT l::text AS text FROM dead_letter l');
    for (const secret of [client.token, forbidden, 'no token at all']) {
      const encoded = Buffer.from(secret).toString('base64').slice(0, 40);
      for (const { text } of texts) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(encoded);
      }
    }
    const [caller] = rows.filter(({ code }) => code === 'invalidRequest');
    expect(caller).toMatchObject({ azureTenantId: 'tenant-a', appId: 'app-1' });
  });

  it('are one, however often they are written, and stay as was decided', async () => {
    const [first] = await store({}, {});
    await system.query(`UPDATE dead_letter SET state = 'discarded', reason = 'known'`);
    const rows = await store({}, { cause: { attempts: 5 } });
    // The second of each pair has an offset of its own.
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(Object.assign(first!, { state: 'discarded', reason: 'known' }));
  });

  it('of a topic that was made anew are others, in the same places', async () => {
    const rows = await store({ offset: 1, value: 'old' }, { offset: 1, value: 'new' });
    expect(rows.map(({ value }) => String(value)).toSorted()).toEqual(['new', 'old']);
  });

  it('are not held up by what is no letter, nor by what Postgres refuses', async () => {
    await produce(system, 'dead-letters', [{ key: 'k', value: 'by a stranger' }]);
    // No token has such a tenant, and no index of Postgres can hold it.
    const tenantId = randomBytes(5000).toString('hex');
    const caller = { tenantId, appId: 'app-1', user: null };
    const choices = Array.from({ length: 20 }, (_, offset) => ({ offset, key: 'k' }));
    const refused = { key: 'k', offset: 21, cause: { caller } };
    // One batch, with the one that is refused among the others.
    const rows = await store(...choices.slice(0, 7), refused, ...choices.slice(7));
    expect(rows.map(({ originOffset }) => Number(originOffset))).toEqual(
      choices.map(({ offset }) => offset),
    );
    const metrics = await fetch(`${system.workers[0]!.adminUrl}/metrics`);
    expect(await metrics.text()).toContain(
      'security_actions_dead_letters_total{topic="dead-letters",code="invalidRequest"} 2',
    );
    expect(system.workers[0]!.log()).toContain('cannot be listed: no worker has written it');
    expect(system.workers[0]!.log()).toContain('cannot be listed: Postgres refuses its contents');
  });

  it('are deleted when they are older than their topic keeps them', async () => {
    await store({ offset: 1 }, { offset: 2 });
    await system.query(
      `UPDATE dead_letter SET "createdDateTime" = now() - interval '14 days 1 hour' WHERE "originOffset" = 1`,
    );
    await system.workers[0]!.restart();
    await vi.waitFor(
      async () =>
        expect((await rowsOf(system)).map(({ originOffset }) => originOffset)).toEqual(['2']),
      { timeout: 20_000, interval: 100 },
    );
  });

  it('are no more than may be listed, and whoever looks after the service is told', async () => {
    const worker = await system.startWorker({ DEAD_LETTERS_MAX: '3' });
    await store(...Array.from({ length: 5 }, (_, offset) => ({ offset })));
    await vi.waitFor(async () => expect(await rowsOf(system)).toHaveLength(3), {
      timeout: 30_000,
      interval: 100,
    });
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${worker.adminUrl}/metrics`)).text();
      expect(metrics).toContain('security_actions_dead_letters_unlisted_total 2');
    });
    expect(worker.log()).toContain('there are more than DEAD_LETTERS_MAX');
    await worker.stop();
    system.workers.pop();
  });

  it('are all there, each once, when workers are killed while they store them', async () => {
    const worker = await system.startWorker();
    const choices = Array.from({ length: 3000 }, (_, offset) => ({ offset }));
    const writing = (async () => {
      for (let from = 0; from < choices.length; from += 500) {
        await putAside(system, ...choices.slice(from, from + 500));
      }
    })();
    await vi.waitFor(async () => expect((await rowsOf(system)).length).toBeGreaterThan(0), {
      timeout: 30_000,
      interval: 5,
    });
    for (const each of system.workers) await each.kill();
    await writing;
    await Promise.all([system.workers[0]!.restart(), worker.restart()]);
    const offsets = (await stored()).map(({ originOffset }) => Number(originOffset));
    expect(offsets).toEqual(choices.map(({ offset }) => offset));
  }, 90_000);
});

describe('dead letters while Postgres is away', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-dead-letters-'));
  let postgres: PostgresProcess;
  let system: System;

  beforeAll(async () => {
    postgres = await startPostgres({ directory: `${directory}/postgres` });
    system = await System.start({ databaseUrl: postgres.url('postgres') });
  });
  afterAll(async () => {
    await system?.stop();
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('are put aside all the same, and stored when it is back', async () => {
    await postgres.stop();
    const count = 200;
    const bad = Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: '{}' }));
    await produce(system, 'reports', bad);
    await drained(system, 'reports');
    await readTopic(system, 'dead-letters', (all) => all.length >= count);
    await postgres.restart();
    await drained(system, 'dead-letters');
    const keys = (await rowsOf(system)).map(({ key }) => String(key));
    expect(keys.toSorted()).toEqual(bad.map(({ key }) => key).toSorted());
    const client = await system.client();
    expect((await client.create(simulate())).status).toBe(201);
  }, 90_000);
});

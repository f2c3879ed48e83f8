import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HoldInForce } from '#domain/hold';
import { type Client, simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { HOLDS, operatorOf } from '../support/holds.ts';
import { produce } from '../support/produce.ts';
import { System } from '../support/system.ts';

const PATIENTLY = { timeout: 30_000, interval: 20 };
const TARGETS = Array.from({ length: 10 }, (_, index) => `free-${index}`);

interface Row {
  id: string;
  clientContext: string;
  status: string;
  position: string;
}

describe('a hold that comes while a batch is stored', () => {
  let system: System;
  let client: Client;
  let operator: Client;

  beforeAll(async () => {
    // One partition, so that all of a batch is stored in one transaction. A claim takes all the room there is for a moment,
    // in which nothing starts as it is stored: so claims are few.
    const env = { KAFKA_PARTITIONS: '1', CLAIM_INTERVAL_MS: '5000' };
    system = await System.start({ env });
    client = await system.client();
    operator = await operatorOf(system, 'tenant-a');
  });
  afterAll(() => system?.stop());

  /** Keeps everybody from the place of an action on its target. @returns what lets them go on */
  const lockPlace = async (id: string) => {
    const session = new pg.Client({ connectionString: system.databaseUrl });
    await session.connect();
    await session.query('BEGIN');
    const { rowCount } = await session.query(
      'SELECT FROM security_action_work WHERE "actionId" = $1 FOR UPDATE',
      [id],
    );
    expect(rowCount).toBe(1);
    return async () => {
      await session.query('COMMIT');
      await session.end();
    };
  };
  /** The ingest has stored, and waits for the first on a target before it goes on. */
  const ingestWaits = () =>
    vi.waitFor(async () => {
      const waiting = await system.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock' AND query LIKE '%SELECT head."actionId"%'`,
      );
      expect(waiting).toHaveLength(1);
    }, PATIENTLY);
  const stored = () =>
    system.query<Row>(
      `SELECT "id", "clientContext", "status", "position" FROM security_action ORDER BY "position"`,
    );
  const send = async (targets: string[]) => {
    const authorization = `Bearer ${await system.issuer.token({ tenant: 'tenant-a' })}`;
    const messages = targets.map((target) => ({
      value: JSON.stringify({ ...simulate({ target }), clientContext: target }),
      headers: { authorization },
    }));
    await produce(system, 'requests', messages);
  };

  it('covers all of it: nothing starts before its release, and each runs once after it', async () => {
    const before = await client.created(simulate({ target: 'busy', delayMs: '8000' }));
    await vi.waitFor(
      async () => expect((await client.get(before)).body.status).toBe('Running'),
      PATIENTLY,
    );
    const letGo = await lockPlace(before);
    // The last one waits for the locked one; those before it have started by then, in a transaction that is open.
    await send([...TARGETS, 'busy']);
    await ingestWaits();
    const hold = await operator.request<HoldInForce>('POST', HOLDS, { body: {} });
    expect(hold.status).toBe(201);
    await letGo();
    await drained(system, 'commands');
    const [first, ...batch] = await stored();
    expect(first!.id).toBe(before);
    expect(batch.map(({ clientContext }) => clientContext)).toEqual([...TARGETS, 'busy']);
    // The places of the first try are lost with it: so it was one, and all of them had begun in it.
    expect(Number(batch[0]!.position) - Number(first!.position)).toBe(batch.length + 1);
    const ofBatch = new Set(batch.map(({ id }) => id));
    const effects = () =>
      system.effects().flatMap(({ actionId }) => (ofBatch.has(actionId) ? [actionId] : []));
    await vi.waitFor(
      async () => expect((await client.get(before)).body.status).toBe('Completed'),
      PATIENTLY,
    );
    for (const { id } of batch) {
      expect((await client.get(id)).body).toMatchObject({
        status: 'NotStarted',
        waitingFor: `hold:${hold.body.id}`,
      });
    }
    expect(effects()).toEqual([]);
    await operator.request('POST', `${HOLDS}/${hold.body.id}/release`);
    await vi.waitFor(async () => {
      expect(new Set((await stored()).map(({ status }) => status))).toEqual(new Set(['Completed']));
    }, PATIENTLY);
    expect(effects().toSorted()).toEqual([...ofBatch].toSorted());
  });
});

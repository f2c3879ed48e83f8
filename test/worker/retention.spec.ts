import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CreateCommand } from '#domain/command';
import type { DeadLetter } from '#domain/dead-letter';
import type { Client, ErrorBody } from '../support/client.ts';
import { simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { operatorOf } from '../support/holds.ts';
import { produce } from '../support/produce.ts';
import { putAside } from '../support/put-aside.ts';
import { simulateCommand } from '../support/simulate-command.ts';
import { System } from '../support/system.ts';

const LETTERS = 'v1.0/security/securityActionDeadLetters';
const RETENTION_DAYS = 15;
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

describe('the retention of actions', () => {
  let system: System;
  let client: Client;
  let operator: Client;

  beforeAll(async () => {
    system = await System.start({ env: { RETENTION_DAYS: String(RETENTION_DAYS) } });
    client = await system.client();
    operator = await operatorOf(system, 'tenant-a');
  });
  afterAll(() => system?.stop());
  afterEach(() => system.query('TRUNCATE dead_letter'));

  const completed = async () => {
    const id = await client.created(simulate());
    await vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Completed'), {
      timeout: 30_000,
      interval: 50,
    });
    await vi.waitFor(async () => expect(await system.query('SELECT FROM outbox')).toEqual([]), {
      timeout: 30_000,
      interval: 50,
    });
    return id;
  };
  const send = async (...commands: CreateCommand[]) => {
    await produce(
      system,
      'commands',
      commands.map((each) => ({ key: each.resendKey, value: JSON.stringify(each) })),
    );
    await drained(system, 'commands');
    await drained(system, 'dead-letters');
  };
  const letters = async () =>
    (await operator.request<{ value: DeadLetter[] }>('GET', LETTERS)).body;
  const replay = (id: string) => operator.request<ErrorBody>('POST', `${LETTERS}/${id}/replay`);
  const effectsOf = (id: string) => system.effects().filter(({ actionId }) => actionId === id);

  /** As if all of it had been so many days before; a worker that starts looks for such ones at once. */
  const removed = async (id: string) => {
    await system.query(
      `UPDATE security_action SET "createdDateTime" = $2, "lastActionDateTime" = $2, "completedDateTime" = $2
        WHERE id = $1`,
      [id, daysAgo(RETENTION_DAYS + 1)],
    );
    await system.workers[0]!.restart();
    await vi.waitFor(
      async () =>
        expect(await system.query('SELECT FROM security_action WHERE id = $1', [id])).toEqual([]),
      { timeout: 30_000, interval: 100 },
    );
  };

  it('removes those that are older, with their history, and says so', async () => {
    const [kept, old] = [await completed(), await completed()];
    await removed(old);
    expect(
      await system.query('SELECT FROM security_action_event WHERE "actionId" = $1', [old]),
    ).toEqual([]);
    expect((await client.get(old)).status).toBe(404);
    expect((await client.get(kept)).body.status).toBe('Completed');
    const worker = system.workers[0]!;
    await vi.waitFor(() => expect(worker.log()).toContain('old actions removed'), 10_000);
    const metrics = await (await fetch(`${worker.adminUrl}/metrics`)).text();
    expect(metrics).toContain('security_actions_removed_total 1');
  });

  it('puts aside as expired what was accepted before, whether it has run or not, and never runs it', async () => {
    const ran = await completed();
    await removed(ran);
    const [never, current] = [randomUUID(), randomUUID()];
    await send(
      simulateCommand({ id: ran, acceptedAt: daysAgo(RETENTION_DAYS + 1) }),
      simulateCommand({ id: current, acceptedAt: daysAgo(RETENTION_DAYS - 1) }),
      simulateCommand({ id: never, acceptedAt: daysAgo(RETENTION_DAYS + 1) }),
    );
    const { value } = await letters();
    expect(value.map(({ code, appId, state }) => ({ code, appId, state }))).toEqual([
      { code: 'expired', appId: 'app-1', state: 'open' },
      { code: 'expired', appId: 'app-1', state: 'open' },
    ]);
    await vi.waitFor(() => expect(effectsOf(current)).toHaveLength(1), 30_000);
    expect(effectsOf(ran)).toHaveLength(1);
    expect(effectsOf(never)).toEqual([]);
    const metrics = await (await fetch(`${system.workers[0]!.adminUrl}/metrics`)).text();
    expect(metrics).toContain(
      'security_actions_dead_letters_total{topic="commands",code="expired"} 2',
    );
  });

  it('knows what is still on record, and so only comes again', async () => {
    const id = await completed();
    await send(simulateCommand({ id, acceptedAt: daysAgo(400) }));
    expect((await letters()).value).toEqual([]);
    expect(effectsOf(id)).toHaveLength(1);
  });

  it('refuses the replay of what is older, and leaves the letter open', async () => {
    const id = randomUUID();
    await send(simulateCommand({ id, acceptedAt: daysAgo(RETENTION_DAYS + 1) }));
    const tooOld = { timestamp: daysAgo(RETENTION_DAYS + 1).getTime() };
    const value = JSON.stringify(simulate());
    await putAside(system, { ...tooOld, value }, { timestamp: daysAgo(14).getTime(), value });
    await drained(system, 'dead-letters');
    const all = (await letters()).value;
    const answers = await Promise.all(
      all.map(async (each) => [each, await replay(each.id)] as const),
    );
    const refused = answers.filter(([, { status }]) => status !== 200);
    expect(refused.map(([{ origin }]) => origin.topic).toSorted()).toEqual([
      'commands',
      'requests',
    ]);
    for (const [, { status, body }] of refused) {
      expect([status, body.error.code]).toEqual([409, 'expired']);
      expect(body.error.message).toContain('Create it anew.');
    }
    const open = (await letters()).value.filter(({ state }) => state === 'open');
    expect(open.map((each) => each.id).toSorted()).toEqual(
      refused.map(([each]) => each.id).toSorted(),
    );
    expect(effectsOf(id)).toEqual([]);
  });
});

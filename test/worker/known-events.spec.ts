import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cancelAction } from '#database/cancel.queries';
import type { Claim } from '#database/claim.queries';
import type { OutboxEvent } from '#database/outbox-event';
import { readOutbox } from '#database/outbox.queries';
import { type Settlement, settleAtOnce } from '#database/settle.queries';
import { storeStarted } from '#database/start-at-once';
import type { CreateCommand } from '#domain/command';
import { DECLARED_PROPERTIES } from '#domain/security-action';
import { KnownEvents } from '../../apps/worker/src/events/known-events.ts';
import { charactersOf } from '../../apps/worker/src/events/known-life.ts';
import { TENANT, TestDatabase, command, roomAt, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };
const ERROR = { message: 'The firewall said no.', subcode: 403, code: 4 };
const CALLER = { tenantId: TENANT, appId: 'app-2', user: null };

describe('what is known of events without reading them', () => {
  let database: TestDatabase;
  let known: KnownEvents;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(async () => {
    await database.clear();
    known = new KnownEvents();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await assertSound(database);
  });
  afterAll(() => database?.drop());

  async function start(...commands: CreateCommand[]): Promise<Claim[]> {
    known.expect(commands);
    const actions = await storeStarted(database.dataSource, commands, {
      room: roomAt(100, { repeatable: true }),
      lease: LEASE,
    });
    for (const action of actions) known.started(action);
    known.expectNoMore(commands);
    expect(actions).toHaveLength(commands.length);
    return actions.map(({ claim }) => claim!);
  }

  async function settle(...settlements: Settlement[]): Promise<void> {
    const { settled } = await settleAtOnce(database.dataSource, settlements);
    for (const settlement of settlements) {
      known.settled(settlement, settled.get(settlement.attemptId) ?? null);
    }
  }

  const completed = (claim: Claim): Settlement => ({ ...claim, type: 'completed' });
  /** @returns the events, and how many statements they took: one finds their places, another reads what is not known */
  async function look(): Promise<{ events: OutboxEvent[]; statements: number }> {
    const query = vi.spyOn(database.manager, 'query');
    const events = await readOutbox(database.manager, {
      limit: 1000,
      known: (place) => known.take(place),
    });
    const statements = query.mock.calls.length;
    query.mockRestore();
    return { events, statements };
  }
  /** Of open properties Postgres does not keep the order. */
  const namesIn = (events: OutboxEvent[]) =>
    events.map(({ action }) => Object.keys(action).slice(0, DECLARED_PROPERTIES.length));

  /** That they are what would be read. @returns their types, and how many statements that took */
  async function compare(): Promise<[types: string[], statements: number]> {
    const asRead = await readOutbox(database.manager, { limit: 1000 });
    const { events, statements } = await look();
    expect(events).toStrictEqual(asRead);
    expect(namesIn(events)).toEqual(namesIn(asRead));
    return [events.map(({ type }) => type), statements];
  }

  it('is what would be read, of an action that ends with its first attempt', async () => {
    const claims = await start(...times(3, (index) => command({ target: `h${index}` })));
    const [one, other, third] = claims;
    await settle(
      completed(one!),
      { ...other!, type: 'failed', errorInfo: ERROR },
      { ...third!, type: 'cancelled', errorInfo: ERROR },
    );
    const [types, statements] = await compare();
    expect(statements).toBe(1);
    expect(types.slice(0, 6)).toEqual(times(3, () => ['created', 'started']).flat());
    expect(types.slice(6).toSorted()).toEqual(['cancelled', 'completed', 'failed']);
  });

  it('is what would be read, before an action has ended too, and however it is spelled', async () => {
    const bare = command({ target: 'a', clientRequestId: 'a request' });
    const spelledOut = command({ target: 'b', id: randomUUID().toUpperCase() });
    spelledOut.action = {
      ...spelledOut.action,
      actionReason: null,
      clientContext: '\u{1f4a5} "quoted" \\ {braces}',
      parameters: [
        { name: 'host', value: 'b' },
        { name: 'none', value: null },
      ],
      vendorInformation: { vendor: 'a', subProvider: 'b', providerVersion: 'c', provider: 'd' },
      properties: {
        zebra: [1.5, 1e21, { b: null, a: true }],
        ant: { '': 'empty', long: 'x'.repeat(5000) },
      },
    };
    await start(bare, {
      ...spelledOut,
      caller: { tenantId: TENANT, appId: 'app-1', user: null },
      acceptedDateTime: '2026-01-01T00:00:00Z',
    });
    expect(await compare()).toEqual([['created', 'started', 'created', 'started'], 1]);
  });

  it('gives each event once: who has to repeat the end reads it', async () => {
    const [claim] = await start(command());
    await settle(completed(claim!));
    await look();
    expect(await compare()).toEqual([['created', 'started', 'completed'], 2]);
  });

  it('does not have what came between the start and the end', async () => {
    const [claim] = await start(command());
    await database.inTransaction((manager) =>
      cancelAction(manager, CALLER, claim!.actionId, { canTakeBack: true }),
    );
    await settle(completed(claim!));
    expect(await compare()).toEqual([['created', 'started', 'cancelRequested', 'completed'], 2]);
  });

  it.each<[string, string[], (claim: Claim) => Settlement]>([
    [
      'is tried again',
      ['attemptFailed'],
      (claim) => ({
        ...claim,
        type: 'attemptFailed',
        errorInfo: ERROR,
        next: 'call',
        mayHaveActed: false,
        dueInMs: 0,
      }),
    ],
    [
      'could not be tried',
      [],
      (claim) => ({ ...claim, type: 'postponed', unavailable: true, dueInMs: 0 }),
    ],
  ])('does not have what follows when an action %s', async (_, between, first) => {
    const [claim] = await start(command());
    await settle(first(claim!));
    const [again] = await database.claim();
    await settle(completed(again!));
    expect(await compare()).toEqual([['created', 'started', ...between, 'completed'], 2]);
  });

  it('does not take for an end what comes too late to be one', async () => {
    const [claim] = await start(command());
    await database.query(`UPDATE security_action_work SET "attemptId" = gen_random_uuid()`);
    await settle(completed(claim!));
    expect(await compare()).toEqual([['created', 'started'], 2]);
  });

  it.each<
    [string, Pick<CreateCommand['action'], 'revertDateTime' | 'revertAfter' | 'revertsActionId'>]
  >([
    ['is to be undone at a time', { revertDateTime: '2099-01-01T00:00:00Z' }],
    ['is to be undone after a time', { revertAfter: 'PT1H' }],
    ['undoes another one', { revertsActionId: randomUUID() }],
  ])('has nothing of an action that %s, which shows in its events', async (_, timer) => {
    await start(command({ timer }));
    expect(await compare()).toEqual([['created', 'started'], 2]);
  });

  const LONE = 'a\ud800b';
  it.each<[string, (create: CreateCommand) => void]>([
    ['name', ({ action }) => (action.name = LONE)],
    ['reason', ({ action }) => (action.actionReason = LONE)],
    ['context', ({ action }) => (action.clientContext = LONE)],
    ['application', ({ caller }) => (caller.appId = LONE)],
    ['user', ({ caller }) => (caller.user = LONE)],
    ['request id', (create) => (create.clientRequestId = LONE)],
  ])('has nothing of an action with a %s that Postgres keeps as another', async (_, change) => {
    const create = command();
    change(create);
    await start(create);
    expect(await compare()).toEqual([['created', 'started'], 2]);
  });

  it('never gives an event of another tenant, where two have the same id', async () => {
    const one = command({ tenant: 'tenant-b' });
    const other = command({ tenant: 'tenant-c', id: one.action.id });
    const [first] = await start(one);
    const [second] = await start(other);
    await settle(completed(first!));
    // Not by this worker.
    await settleAtOnce(database.dataSource, [{ ...second!, type: 'failed', errorInfo: ERROR }]);
    const [types] = await compare();
    expect(types).toEqual(['created', 'started', 'created', 'started', 'completed', 'failed']);
  });

  it('keeps the order where some events are known and others read', async () => {
    const [claim] = await start(command({ target: 'a' }));
    await database.ingest(command({ target: 'b' }));
    await settle(completed(claim!));
    expect(await compare()).toEqual([['created', 'started', 'created', 'completed'], 2]);
  });

  it('is bounded: what is too much has to be read, until something is forgotten', async () => {
    const [one, other, third] = times(3, (index) => command({ target: `h${index}` }));
    known = new KnownEvents(charactersOf(one!) + 10);
    const [claim] = await start(one!);
    expect((await look()).statements).toBe(1);
    await start(other!);
    expect((await look()).statements).toBe(2);
    await settle(completed(claim!));
    expect((await look()).statements).toBe(2);
    await database.query('DELETE FROM outbox');
    await start(third!);
    expect((await look()).statements).toBe(1);
  });

  it('is measured as long as it is as JSON, whatever makes it long', () => {
    const { action, ...rest } = command();
    const text = 'x'.repeat(250);
    const parameters = times(100, (index) => ({
      name: `p${index}`,
      value: index % 2 ? text : null,
    }));
    const vendor = { vendor: text, provider: text, subProvider: text, providerVersion: text };
    for (const long of [
      {},
      { name: text, actionReason: text, clientContext: text },
      { parameters },
      { vendorInformation: vendor },
      { properties: { nested: parameters } },
    ]) {
      const create = { ...rest, action: { ...action, ...long } };
      const { length } = JSON.stringify(create.action);
      expect(charactersOf(create)).toBeGreaterThanOrEqual(length);
      expect(charactersOf(create)).toBeLessThan(length + 300);
    }
  });

  it('is forgotten with its end, also if news of that comes later than the event', async () => {
    const create = command();
    const [claim] = await start(create);
    const settlement = completed(claim!);
    const { settled } = await settleAtOnce(database.dataSource, [settlement]);
    await look();
    known.settled(settlement, settled.get(claim!.attemptId)!);
    // Long afterwards: what retention has removed is created anew, under its idempotency key.
    await database.clear();
    await database.ingest(create);
    expect(await compare()).toEqual([['created'], 2]);
  });

  it('is forgotten when its id is given to another one of which nothing is to be known', async () => {
    const create = command();
    const [claim] = await start(create);
    await settle(completed(claim!));
    await database.clear();
    await start({ ...create, clientRequestId: 'a\ud800b' });
    expect(await compare()).toEqual([['created', 'started'], 2]);
  });

  it('is nothing once it is cleared', async () => {
    await start(command());
    known.clear();
    expect(await compare()).toEqual([['created', 'started'], 2]);
  });
});

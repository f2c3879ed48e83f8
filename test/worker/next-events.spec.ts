import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Claim } from '#database/claim.queries';
import type { InsertedAction } from '#database/ingest.queries';
import type { OutboxEvent } from '#database/outbox-event';
import { readOutbox } from '#database/outbox.queries';
import { type Settlement, settleAtOnce } from '#database/settle.queries';
import { storeStarted } from '#database/start-at-once';
import type { CreateCommand } from '#domain/command';
import { NextEvents } from '../../apps/worker/src/events/next-events.ts';
import { PATIENTLY } from '../kafka/kafka-under-test.ts';
import { TestDatabase, command, roomAt, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };
const ERROR = { message: 'The firewall said no.', subcode: 403, code: 4 };
/** Longer than any test takes: there is no look without a reason. */
const NEVER_MS = 3_600_000;
const LIFE = ['created', 'started', 'completed'];

/** Of two. */
const partitionOf = (actionId: string) => Number.parseInt(actionId.at(-1)!, 16) % 2;

describe('what is to be published next', () => {
  let database: TestDatabase;
  let next: NextEvents;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(async () => {
    await database.clear();
    next = await anew(NEVER_MS);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await assertSound(database);
  });
  afterAll(() => database?.drop());

  /** One that has had its first look, which found nothing. */
  async function anew(lookIntervalMs: number, eventsMax = 1000): Promise<NextEvents> {
    const made = new NextEvents(database.manager, { lookIntervalMs, eventsMax, partitionOf });
    expect(await made.take()).toEqual([]);
    return made;
  }

  const store = (...commands: CreateCommand[]): Promise<InsertedAction[]> =>
    storeStarted(database.dataSource, commands, {
      room: roomAt(100, { repeatable: true }),
      lease: LEASE,
    });

  async function start(...commands: CreateCommand[]): Promise<Claim[]> {
    next.expectStarts(commands);
    const actions = await store(...commands);
    next.noteStarted(actions);
    next.expectNoMore(commands);
    expect(actions).toHaveLength(commands.length);
    return actions.map(({ claim }) => claim!);
  }

  async function settle(...settlements: Settlement[]): Promise<void> {
    const { settled } = await settleAtOnce(database.dataSource, settlements);
    next.noteSettled(settlements, settled);
  }

  const completed = (claim: Claim): Settlement => ({ ...claim, type: 'completed' });
  const typesOf = (events: OutboxEvent[]) => events.map(({ type }) => type);

  /** @returns the types of what is next, and whether the outbox had to be looked into */
  async function take(): Promise<[types: string[], looked: boolean]> {
    const query = vi.spyOn(database.manager, 'query');
    const types = typesOf(await next.take());
    const looked = query.mock.calls.length > 0;
    query.mockRestore();
    return [types, looked];
  }

  const NOTHING = [[], false];

  it('is what the outbox has, without a look into it, and once', async () => {
    const claims = await start(...times(3, (index) => command({ target: `h${index}` })));
    await settle(...claims.map(completed));
    const inOutbox = await readOutbox(database.manager, { limit: 1000 });
    const query = vi.spyOn(database.manager, 'query');
    const events = await next.take();
    expect(query).not.toHaveBeenCalled();
    expect(events).toHaveLength(9);
    expect(new Set(events)).toEqual(new Set(inOutbox));
    for (const { actionId } of claims) {
      expect(typesOf(events.filter(({ action }) => action.id === actionId))).toEqual(LIFE);
    }
    expect(await next.take()).toEqual([]);
    expect(query).not.toHaveBeenCalled();
  });

  it('is what has come since, of an action too', async () => {
    const [claim] = await start(command());
    expect(await take()).toEqual([['created', 'started'], false]);
    await settle({ ...claim!, type: 'failed', errorInfo: ERROR });
    expect(await take()).toEqual([['failed'], false]);
    expect(await take()).toEqual(NOTHING);
  });

  it('is so much at a time, and the rest of an action', async () => {
    next = await anew(NEVER_MS, 3);
    await start(...times(3, (index) => command({ target: `h${index}` })));
    expect(await take()).toEqual([['created', 'started', 'created', 'started'], false]);
    expect(await take()).toEqual([['created', 'started'], false]);
  });

  it.each<[string, () => Promise<void>, string[]]>([
    [
      'after an attempt that did not end its action',
      async () => {
        const [claim] = await start(command());
        const failed = { type: 'attemptFailed', errorInfo: ERROR, mayHaveActed: false } as const;
        await settle({ ...claim!, ...failed, next: 'call', dueInMs: 60_000 });
      },
      ['created', 'started', 'attemptFailed'],
    ],
    [
      'after the end of what others have stored',
      async () => {
        const [action] = await store(command());
        await settle(completed(action!.claim!));
      },
      LIFE,
    ],
    [
      'after a start that was not expected',
      async () => next.noteStarted(await store(command())),
      ['created', 'started'],
    ],
    [
      'where an action shows more than its command says',
      async () => {
        await start(command({ timer: { revertAfter: 'PT1H' } }));
      },
      ['created', 'started'],
    ],
    [
      'when it is told that others have been at work',
      async () => {
        await database.ingest(command());
        next.mustLook();
      },
      ['created'],
    ],
    [
      'once all that is known is not to be trusted any more',
      async () => {
        await start(command());
        next.forget();
      },
      ['created', 'started'],
    ],
  ])('is looked for at once, and given once, %s', async (_, happen, types) => {
    await happen();
    expect(await take()).toEqual([types, true]);
    await database.query('DELETE FROM outbox');
    expect(await take()).toEqual([[], true]);
    expect(await take()).toEqual(NOTHING);
  });

  it('is looked for each time while others are at work, and no longer', async () => {
    await database.ingest(command());
    next.mustLook();
    expect(await take()).toEqual([['created'], true]);
    await database.query('DELETE FROM outbox');
    expect(await take()).toEqual([[], true]);
    expect(await take()).toEqual(NOTHING);
  });

  it('is looked for again where a look has found as much as it may', async () => {
    next = await anew(NEVER_MS, 2);
    await start(command());
    await database.ingest(command({ provider: 'Acme/Other' }));
    next.mustLook();
    expect(await take()).toEqual([['created', 'started'], true]);
    await database.query('DELETE FROM outbox WHERE position < (SELECT max(position) FROM outbox)');
    expect(await take()).toEqual([['created'], true]);
  });

  it('is what others have committed, too, however much is known', async () => {
    next = await anew(50);
    const [id] = await database.ingest(command({ provider: 'Acme/Other' }));
    let starts = 0;
    await vi.waitFor(async () => {
      await start(command({ target: `h${(starts += 1)}` }));
      const ids = (await next.take()).map(({ action }) => action.id);
      expect(ids).toContain(id);
    }, PATIENTLY);
  });

  it('is not given by a look and once more as news', async () => {
    const [claim] = await start(command());
    next.mustLook();
    expect(await take()).toEqual([['created', 'started'], true]);
    await database.query('DELETE FROM outbox');
    expect(await take()).toEqual(NOTHING);
    await settle(completed(claim!));
    expect(await take()).toEqual([['completed'], false]);
  });

  it('is not given once more where a look comes between a commit and its news', async () => {
    const create = command();
    next.expectStarts([create]);
    const [action] = await store(create);
    next.mustLook();
    expect(await take()).toEqual([['created', 'started'], true]);
    next.noteStarted([action!]);
    next.expectNoMore([create]);
    await database.query('DELETE FROM outbox');
    // It was not known, and so more of its kind may have followed.
    expect(await take()).toEqual([[], true]);
    expect(await take()).toEqual(NOTHING);
    const settlement = completed(action!.claim!);
    const { settled } = await settleAtOnce(database.dataSource, [settlement]);
    next.mustLook();
    expect(await take()).toEqual([['completed'], true]);
    next.noteSettled([settlement], settled);
    await database.query('DELETE FROM outbox');
    expect((await take())[0]).toEqual([]);
  });

  it('is not given once more where the same action is being stored by two', async () => {
    const create = command();
    next.expectStarts([create]);
    const [action] = await store(create);
    next.mustLook();
    expect(await take()).toEqual([['created', 'started'], true]);
    await database.query('DELETE FROM outbox');
    next.expectStarts([create]);
    next.noteStarted([action!]);
    expect(await take()).toEqual([[], true]);
    expect(await take()).toEqual(NOTHING);
  });

  it('is nothing of an action whose end was read before the news of its start', async () => {
    const create = command();
    next.expectStarts([create]);
    const [action] = await store(create);
    await settleAtOnce(database.dataSource, [completed(action!.claim!)]);
    next.mustLook();
    expect(await take()).toEqual([LIFE, true]);
    await database.query('DELETE FROM outbox');
    expect(await take()).toEqual([[], true]);
    expect(await take()).toEqual(NOTHING);
    next.noteStarted([action!]);
    next.expectNoMore([create]);
    // As after anything that is not known.
    expect(await take()).toEqual([[], true]);
    expect(await take()).toEqual(NOTHING);
  });

  it('is not left out where another tenant has the same id', async () => {
    const ours = command({ tenant: 'tenant-b' });
    const theirs = command({
      tenant: 'tenant-c',
      id: ours.action.id,
      provider: 'Acme/Other',
    });
    next.expectStarts([ours]);
    await database.ingest(theirs);
    next.mustLook();
    expect(await take()).toEqual([['created'], true]);
    await database.query('DELETE FROM outbox');
    expect((await take())[0]).toEqual([]);
    next.noteStarted(await store(ours));
    next.expectNoMore([ours]);
    expect(await take()).toEqual([['created', 'started'], false]);
  });

  it('is looked for where an action of another tenant with the same id is being stored, too', async () => {
    const [ours, theirs] = ['tenant-b', 'tenant-c'].map((tenant) => command({ tenant }));
    theirs!.action.id = ours!.action.id;
    next.expectStarts([ours!]);
    next.expectStarts([theirs!]);
    next.noteStarted(await store(ours!));
    expect(await take()).toEqual([['created', 'started'], true]);
  });

  it('is given again, as it was, if it was not published', async () => {
    const claims = await start(...times(2, (index) => command({ target: `h${index}` })));
    await settle(completed(claims[0]!));
    const events = await next.take();
    next.mustLook();
    const again = await next.take();
    expect(new Set(again)).toEqual(new Set(events));
    expect(again).toHaveLength(5);
  });

  it('is nothing of an action that is held back, nor what follows of it, but all of others', async () => {
    const claims = await start(...times(2, (index) => command({ target: `h${index}` })));
    const [one, other] = claims;
    await next.take();
    await database.query('DELETE FROM outbox WHERE "actionId" = $1', [other!.actionId]);
    next.holdBack({ keys: new Set([one!.actionId]), partitions: new Map() });
    await settle(completed(one!), completed(other!));
    const ids = (await next.take()).map(({ action }) => action.id);
    expect(ids).toEqual([other!.actionId]);
  });

  it('is nothing of a partition that is held, but all of others, and then all of it in order', async () => {
    const clock = vi.spyOn(performance, 'now');
    const claims = await start(...times(12, (index) => command({ target: `h${index}` })));
    await next.take();
    next.mustLook();
    const [held, free] = [0, 1].map((of) =>
      claims.filter(({ actionId }) => partitionOf(actionId) === of),
    );
    next.holdBack({ keys: new Set(), partitions: new Map([[0, 19]]) });
    await settle(...claims.map(completed));
    const heldAtMs = performance.now();
    clock.mockReturnValue(heldAtMs + 500);
    const events = await next.take();
    const idsOf = (list: { actionId: string }[]) => list.map(({ actionId }) => actionId).toSorted();
    expect([...new Set(events.map(({ action }) => action.id))].toSorted()).toEqual(idsOf(free!));
    for (const { actionId } of free!) {
      expect(typesOf(events.filter(({ action }) => action.id === actionId))).toEqual(LIFE);
    }
    clock.mockReturnValue(heldAtMs + 10_000);
    const all = await next.take();
    for (const { actionId } of held!) {
      expect(typesOf(all.filter(({ action }) => action.id === actionId))).toEqual(LIFE);
    }
  });

  it('begins with what was left of a partition, though its pause is over before anybody looks', async () => {
    const [claim] = await start(command());
    expect(await take()).toEqual([['created', 'started'], false]);
    next.holdBack({ keys: new Set(), partitions: new Map([[partitionOf(claim!.actionId), 19]]) });
    await settle(completed(claim!));
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
    expect(typesOf(await next.take())).toEqual(LIFE);
  });

  it('is given again if it was not published while a partition is held, and else each once', async () => {
    next = await anew(NEVER_MS, 2);
    const claims = await start(...times(12, (index) => command({ target: `h${index}` })));
    const free = claims.filter(({ actionId }) => partitionOf(actionId) === 1);
    next.holdBack({ keys: new Set(), partitions: new Map([[0, 19]]) });
    vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    const first = await next.take();
    next.mustLook();
    expect(await next.take()).toEqual(first);
    const rest: OutboxEvent[] = [];
    for (let taken = 1; taken < free.length; taken += 1) rest.push(...(await next.take()));
    const positions = [...first, ...rest].map(({ position }) => position);
    expect(new Set(positions).size).toBe(2 * free.length);
    expect(new Set([...first, ...rest].map(({ action }) => action.id)).size).toBe(free.length);
  });
});

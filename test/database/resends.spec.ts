import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findAction, findActions } from '#database/action.queries';
import type { CreateCommand } from '#domain/command';
import { deriveId } from '#domain/ids';
import { type CommandChoice, TENANT, TestDatabase, command, ingest } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const KEY = randomUUID();
const BEGIN = Date.parse('2026-02-03T04:00:00.000Z');
const MINUTE = 60;
const PROPERTY_RUNS = 60;
const PROPERTY_TIMEOUT_MS = 120_000;

/** A create that is always the same one, accepted so many seconds after the beginning. */
const create = (seconds: number, choice: CommandChoice = {}) =>
  command({
    resendKey: KEY,
    clientRequestId: 'incident-1',
    acceptedDateTime: new Date(BEGIN + seconds * 1000).toISOString(),
    ...choice,
  });
const resend = (seconds: number, choice: CommandChoice = {}) =>
  create(seconds, { isResend: true, ...choice });
/** Something else on the same target. */
const release = (seconds: number) =>
  create(seconds, { resendKey: randomUUID(), action: 'Release' });

describe('resends at the ingest', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  /** Which action each of the commands is: its own, another one's, or none (undefined). */
  const actionsOf = async (...commands: CreateCommand[]) => {
    const ids: (string | undefined)[] = [];
    for (const { caller, action } of commands) {
      ids.push((await findAction(database.manager, caller.tenantId, action.id))?.id);
    }
    return ids;
  };
  const idsOf = (...commands: CreateCommand[]) => commands.map(({ action }) => action.id);

  /**
   * The same commands in one batch, in a batch each, and in both once more, as after a crash: it must come to the same.
   * @returns which of the commands, by place, each one turned out to be
   */
  const settled = async (...commands: CreateCommand[]): Promise<number[]> => {
    const outcomes: number[][] = [];
    const look = async () => {
      const ids = await actionsOf(...commands);
      outcomes.push(ids.map((id) => idsOf(...commands).indexOf(id!)));
      const rows = await database.query<{ id: string }>(
        'SELECT id FROM security_action ORDER BY position',
      );
      // Nothing is both, and nothing is stored that no command stands for.
      expect(rows.map(({ id }) => id)).toEqual(
        idsOf(...commands).filter((id, place) => ids[place] === id),
      );
    };
    for (const batches of [[commands], commands.map((each) => [each])]) {
      await database.clear();
      for (const batch of batches) await database.ingest(...batch);
      await look();
      const before = await database.snapshot();
      for (const batch of batches) expect(await database.ingest(...batch)).toEqual([]);
      await database.ingest(...commands.toReversed());
      for (const each of commands) await database.ingest(each);
      expect(await database.snapshot()).toEqual(before);
      await look();
    }
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
    return outcomes[0]!;
  };

  describe.each([
    ['with a target', {}],
    ['without a target', { target: null }],
  ])('of an action %s', (_, where) => {
    it('are that action', async () => {
      expect(
        await settled(
          create(0, where),
          resend(1, where),
          resend(3, where),
          resend(5 * MINUTE, where),
        ),
      ).toEqual([0, 0, 0, 0]);
    });

    it('are one of their own five minutes later, for which others follow', async () => {
      const late = 5 * MINUTE + 0.001;
      expect(await settled(create(0, where), resend(late, where), resend(late + 1, where))).toEqual(
        [0, 1, 1],
      );
    });

    it('are one of their own a minute later if there is no request id', async () => {
      const nameless = { ...where, clientRequestId: undefined };
      expect(
        await settled(create(0, nameless), resend(60, nameless), resend(60.001, nameless)),
      ).toEqual([0, 0, 2]);
    });

    it('are the action when the first sending was lost, and so is the first one when it comes after all', async () => {
      expect(
        await settled(resend(3, where), create(0, where), resend(6, where), resend(2, where)),
      ).toEqual([0, 0, 0, 0]);
    });

    it('do not take in what was accepted long before them', async () => {
      expect(await settled(resend(5 * MINUTE + 1, where), create(0, where))).toEqual([0, 1]);
    });

    it('are that action also when the process that took them has a clock behind the first one', async () => {
      expect(
        await settled(create(3, where), resend(2, where), resend(4, where), resend(0, where)),
      ).toEqual([0, 0, 0, 0]);
      expect(await settled(create(5 * MINUTE, where), resend(0, where))).toEqual([0, 0]);
      expect(await settled(create(5 * MINUTE + 0.001, where), resend(0, where))).toEqual([0, 1]);
      const nameless = { ...where, clientRequestId: undefined };
      expect(await settled(create(60, nameless), resend(0, nameless))).toEqual([0, 0]);
      expect(await settled(create(60.001, nameless), resend(0, nameless))).toEqual([0, 1]);
    });

    it('do not take in what was accepted after them: that is a second one', async () => {
      expect(await settled(resend(3, where), create(4, where))).toEqual([0, 1]);
    });

    it('take in what was accepted after them, if it had been received before', async () => {
      const received = (seconds: number) => ({
        ...where,
        receivedDateTime: new Date(BEGIN + seconds * 1000).toISOString(),
      });
      expect(await settled(resend(3, where), create(4, received(2)))).toEqual([0, 0]);
      expect(await settled(resend(3, where), create(4, received(3)))).toEqual([0, 1]);
    });

    it('are not what is sent again without a word, with whatever request id', async () => {
      expect(await settled(create(0, where), create(1, where), create(1, where))).toEqual([
        0, 1, 2,
      ]);
    });

    it('are the newest of several', async () => {
      expect(await settled(create(0, where), create(2, where), resend(3, where))).toEqual([
        0, 1, 1,
      ]);
    });

    it('are only of the same create, of the same tenant', async () => {
      expect(
        await settled(
          create(0, where),
          resend(1, { ...where, resendKey: randomUUID() }),
          resend(1, { ...where, tenant: 'tenant-b' }),
        ),
      ).toEqual([0, 1, 2]);
    });
  });

  it('are actions of their own once something newer is on the target', async () => {
    expect(await settled(create(0), release(1), resend(2), resend(3))).toEqual([0, 1, 2, 2]);
  });

  it('are actions of their own once something newer is on the target, also by a clock that is behind', async () => {
    expect(await settled(create(3), release(4), resend(1), resend(2))).toEqual([0, 1, 2, 2]);
  });

  it('stay that action when they come again after something newer is on the target', async () => {
    expect(await settled(create(0), resend(1), release(2))).toEqual([0, 0, 2]);
  });

  it('do not take in a first sending that is an action already', async () => {
    expect(await settled(create(0), release(1), resend(2), create(1.5))).toEqual([0, 1, 2, 2]);
  });

  it('take in a late first sending whatever came to the target since', async () => {
    expect(await settled(resend(3), release(4), create(0))).toEqual([0, 1, 0]);
  });

  it('are none if they say so and nothing was sent before', async () => {
    expect(await settled(resend(0), release(1))).toEqual([0, 1]);
  });

  it('are of an action that has ended, or is deleted, too', async () => {
    const first = create(0);
    await database.ingest(first);
    const [claim] = await database.claim();
    await database.settle({ ...claim!, type: 'completed' });
    const again = resend(1);
    expect(await database.ingest(again)).toEqual([]);
    expect(await actionsOf(again)).toEqual(idsOf(first));
    await database.query('UPDATE security_action SET "deletedDateTime" = now()');
    expect(await database.ingest(resend(2))).toEqual([]);
    expect(await actionsOf(again)).toEqual([undefined]);
  });

  it('have no events, no work and no place in the outbox', async () => {
    const [first, again] = [create(0), resend(1)];
    await database.ingest(first, again);
    for (const table of ['security_action_event', 'security_action_work', 'outbox']) {
      const rows = await database.query<{ actionId: string }>(`SELECT "actionId" FROM "${table}"`);
      expect(rows.map(({ actionId }) => actionId)).toEqual(idsOf(first));
    }
  });

  it('are found by either id, each under the one that was asked for', async () => {
    const [first, again, other] = [create(0), resend(1), release(2)];
    await database.ingest(first, again, other);
    const ids = idsOf(first, again, other);
    const found = await findActions(
      database.manager,
      [...ids, randomUUID()].map((actionId) => ({ azureTenantId: TENANT, actionId })),
    );
    const byId = new Map(found.map(({ askedFor, row }) => [askedFor.actionId, row.id]));
    expect(byId).toEqual(
      new Map([
        [ids[0], ids[0]],
        [ids[1], ids[0]],
        [ids[2], ids[2]],
      ]),
    );
    const strange = { azureTenantId: 'tenant-b', actionId: ids[1]! };
    expect(await findActions(database.manager, [strange])).toEqual([]);
    expect(await findAction(database.manager, 'tenant-b', ids[1]!)).toBeUndefined();
  });

  it(
    'come to the same in whatever batches the log is read, with whatever clocks',
    async () => {
      const seconds = fc.constantFrom(0, 1, 2, 59, 60, 61, 5 * MINUTE, 5 * MINUTE + 1);
      const sending = fc.record({
        seconds,
        action: fc.constantFrom('Isolate', 'Isolate', 'Release'),
        isResend: fc.boolean(),
        target: fc.constantFrom('host-1', 'host-1', null),
        clientRequestId: fc.constantFrom('incident-1', 'incident-1', undefined),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(sending, { minLength: 2, maxLength: 7 }), async (sendings) => {
          const commands = sendings.map(({ seconds: at, ...choice }) => {
            // As the API derives it: another one for whatever else is in it.
            const { action, target, clientRequestId } = choice;
            const resendKey = deriveId(action, target ?? '', clientRequestId ?? '');
            return create(at, { ...choice, resendKey });
          });
          const firsts = await settled(...commands);
          for (const [place, first] of firsts.entries()) {
            expect(first).toBeLessThanOrEqual(place);
            expect(commands[place]!.resendKey).toBe(commands[first]!.resendKey);
          }
        }),
        { numRuns: PROPERTY_RUNS },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  describe('while a worker that was taken for dead is just committing', () => {
    const begin = (commands: CreateCommand[]) => {
      const { promise: finish, resolve: commit } = Promise.withResolvers<void>();
      const { promise: stored, resolve: onStored } = Promise.withResolvers<string[]>();
      const ended = database.dataSource.transaction('READ COMMITTED', async (manager) => {
        onStored(await ingest(manager, commands));
        await finish;
      });
      return { stored, ended, commit };
    };

    it.each([
      ['the first sending', 1],
      ['a resend', 2],
      ['what came to the target since', 3],
      ['a resend of before that', 4],
    ])('come to the same when it has got as far as %s', async (_, count) => {
      const commands = [create(0), resend(1), release(2), resend(1.5), resend(3)];
      const dying = begin(commands.slice(0, count));
      await dying.stored;
      const successor = database.ingest(...commands);
      await database.untilBlocked();
      dying.commit();
      await Promise.all([dying.ended, successor]);
      const [first, , between, late, last] = idsOf(...commands);
      expect(await actionsOf(...commands)).toEqual([first, first, between, late, late]);
      expect(last).toBeDefined();
    });
  });
});

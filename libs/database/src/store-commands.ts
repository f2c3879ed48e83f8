import type { ReadCommand } from '#domain/command';
import { FAILURE_CODES } from '#domain/errors';
import { Resends } from '#domain/resends';
import type { Database } from './action-row.ts';
import type { ClaimLease, ClaimRoom } from './claim.queries.ts';
import { endAction } from './end-action.queries.ts';
import { claimKeys, hasKey } from './idempotency-key.queries.ts';
import { type InsertOptions, type InsertedAction, insertActions } from './ingest.queries.ts';
import { pickHeads, pickStarts } from './pick-starts.ts';
import {
  type Alias,
  earliestReceived,
  findEarlierSendings,
  findOvertakers,
  insertAliases,
  keyOfCommand,
} from './resend.queries.ts';

/** What has come of commands, beside what was stored before. */
export interface Stored {
  actions: InsertedAction[];
  aliases: Alias[];
}

/** Room in which new actions may start as they are stored, and the lease for those that do. */
export interface StartOffer {
  room: ClaimRoom;
  lease: ClaimLease;
}

/**
 * Stores commands in log order: each as an action, unless it is one already, or as an alias of the action that an earlier
 * sending of the same create has made. A command whose idempotency key stands for another one becomes an action all the
 * same, since its caller may have been told 201, but a Failed one. With an offer some of them start at once. To be run in a
 * READ COMMITTED transaction; `promoteHeads` must follow in it, and `shareHoldGuard` and `refuseIfHeld` for what was started.
 */
export async function storeCommands(
  database: Database,
  commands: ReadCommand[],
  offer?: StartOffer,
): Promise<Stored> {
  const ownerIds = await ownersOfKeys(database, commands);
  const inert = new Map([...ownerIds.keys()].map((command) => [command, withoutEffect(command)]));
  const given = commands.map((command) => inert.get(command) ?? command);
  const { actions, aliases } = await insertFresh(database, given, (fresh) =>
    pickForStart(fresh, inert, offer),
  );
  const isNew = new Set(actions.map(({ actionId }) => actionId));
  for (const [{ caller, action }, ownerId] of ownerIds) {
    if (!isNew.has(action.id)) continue;
    const reference = { azureTenantId: caller.tenantId, actionId: action.id };
    await endAction(database, reference, {
      type: 'failed',
      errorInfo: keyTaken(ownerId),
      by: null,
    });
  }
  return { actions, aliases: await insertAliases(database, aliases) };
}

function pickForStart(
  fresh: ReadCommand[],
  inert: ReadonlyMap<ReadCommand, ReadCommand>,
  offer: StartOffer | undefined,
): InsertOptions {
  const heads = pickHeads(fresh);
  if (!offer) return { heads };
  const ended = new Set(inert.values());
  const commands = pickStarts(
    [...heads].filter((command) => !ended.has(command)),
    offer.room,
  );
  return { heads, starts: { ...offer.lease, repeatable: offer.room.repeatable, commands } };
}

/**
 * Stores what is an action of its own. Nearly always that is all of a batch, and the insertion itself finds that out: only
 * when it stores nothing, further sendings are looked for.
 */
async function insertFresh(
  database: Database,
  commands: ReadCommand[],
  pick: (fresh: ReadCommand[]) => InsertOptions,
): Promise<Stored> {
  if (!commands.some(({ isResend }) => isResend)) {
    const unlessResentAfter = earliestReceived(commands);
    const options = { ...pick(commands), unlessResentAfter };
    const actions = await insertActions(database, commands, options);
    if (actions.length > 0) return { actions, aliases: [] };
  }
  const { fresh, aliases } = await settleResends(database, commands);
  return { actions: await insertActions(database, fresh, pick(fresh)), aliases };
}

/** Parts further sendings from what is an action of its own. */
async function settleResends(
  database: Database,
  commands: ReadCommand[],
): Promise<{ fresh: ReadCommand[]; aliases: Alias[] }> {
  const overtakers = await findOvertakers(database, commands);
  const { actionIds, aliasIds, candidates } = await findEarlierSendings(database, commands);
  const resends = new Resends();
  for (const action of [...overtakers, ...candidates]) resends.know(action);
  const fresh: ReadCommand[] = [];
  const aliases: Alias[] = [];
  for (const command of commands) {
    const key = keyOfCommand(command);
    if (aliasIds.has(key)) continue;
    const first = actionIds.has(key) ? undefined : resends.judge(command);
    if (first) aliases.push({ command, actionId: first.id });
    else fresh.push(command);
  }
  return { fresh, aliases };
}

/** The commands whose key stands for another action, and that action's id. */
async function ownersOfKeys(
  database: Database,
  commands: ReadCommand[],
): Promise<Map<ReadCommand, string>> {
  const keyed = commands.filter(hasKey);
  const owners = await claimKeys(database, keyed);
  return new Map(
    keyed.flatMap((command, index) => {
      const { actionId } = owners[index]!;
      return actionId === command.action.id ? [] : [[command, actionId]];
    }),
  );
}

/** What it was to do is kept to be read. It has no place on a target and no timer: it was never to run. */
function withoutEffect({ action, ...command }: ReadCommand): ReadCommand {
  return {
    ...command,
    targetKey: null,
    action: { ...action, revertDateTime: null, revertAfter: null },
  };
}

function keyTaken(ownerId: string) {
  return {
    code: FAILURE_CODES.invalidRequest,
    message: `Its Idempotency-Key had been used for another request, which is action ${ownerId}. It was not run.`,
    subcode: 0,
  };
}

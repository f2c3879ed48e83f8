import type { DataSource } from 'typeorm';
import type { ReadCommand } from '#domain/command';
import type { ClaimRoom } from './claim.queries.ts';
import { holdGuard } from './hold-guard.queries.ts';
import { hasKey } from './idempotency-key.queries.ts';
import { transactionInOnePiece } from './in-one-piece.ts';
import { type InsertedAction, insertedBy, insertion } from './ingest.queries.ts';
import { pickHeads, pickStarts } from './pick-starts.ts';
import { earliestReceived } from './resend.queries.ts';
import { isStartedUnderHold } from './sqlstate.ts';
import type { StartOffer } from './store-commands.ts';

/** Whether all of a batch may start as it is stored, as far as can be told without Postgres. */
export function mayAllStart(commands: ReadCommand[], room: ClaimRoom): boolean {
  if (commands.some((command) => hasKey(command) || command.isResend)) return false;
  return pickStarts(pickHeads(commands), room).size === commands.length;
}

/**
 * Stores new actions of which all start as they are stored, as nearly every batch does: what `storeCommands` and what must
 * follow it come to then, in one round trip. Of a batch that `mayAllStart`.
 * @returns those that are stored now, each with its claim; none, and nothing is stored, if Postgres knows of anything that
 * has to be looked at first: then `storeCommands` is to do it
 */
export async function storeStarted(
  dataSource: DataSource,
  commands: ReadCommand[],
  { room, lease }: StartOffer,
): Promise<InsertedAction[]> {
  const all = new Set(commands);
  const starts = { ...lease, repeatable: room.repeatable, commands: all };
  const unlessResentAfter = earliestReceived(commands);
  try {
    const [inserted] = await transactionInOnePiece(dataSource, [
      insertion(commands, { heads: all, starts, unlessResentAfter, onlyIfAllStart: true }),
      ...holdGuard(commands.map(whatStarts)),
    ]);
    return insertedBy(inserted!.rows, commands);
  } catch (error) {
    // A hold has come meanwhile.
    if (isStartedUnderHold(error)) return [];
    throw error;
  }
}

function whatStarts({ caller, action, provider }: ReadCommand) {
  return {
    azureTenantId: caller.tenantId,
    actionId: action.id,
    providerKey: provider.key,
    actionName: provider.action,
  };
}

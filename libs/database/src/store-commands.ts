import type { ReadCommand } from '#domain/command';
import { FAILURE_CODES } from '#domain/errors';
import type { Database } from './action-row.ts';
import { endAction } from './end-action.queries.ts';
import { claimKeys, hasKey } from './idempotency-key.queries.ts';
import { type InsertedAction, insertActions } from './ingest.queries.ts';

/**
 * Stores commands in log order: each as an action, unless it is one already. A command whose idempotency key stands for
 * another one becomes an action all the same, since its caller may have been told 201, but a Failed one. To be run in a
 * READ COMMITTED transaction; `promoteHeads` must follow in it.
 * @returns the actions that were not there before
 */
export async function storeCommands(
  database: Database,
  commands: ReadCommand[],
): Promise<InsertedAction[]> {
  const ownerIds = await ownersOfKeys(database, commands);
  const inserted = await insertActions(
    database,
    commands.map((command) => (ownerIds.has(command) ? withoutEffect(command) : command)),
  );
  const isNew = new Set(inserted.map(({ actionId }) => actionId));
  for (const [{ caller, action }, ownerId] of ownerIds) {
    if (!isNew.has(action.id)) continue;
    const reference = { azureTenantId: caller.tenantId, actionId: action.id };
    await endAction(database, reference, {
      type: 'failed',
      errorInfo: keyTaken(ownerId),
      by: null,
    });
  }
  return inserted;
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

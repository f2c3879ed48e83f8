import type { EntityManager } from 'typeorm';
import { type Claim, type ClaimLease, type ClaimRoom, claimWork } from '#database/claim.queries';
import { endAction } from '#database/end-action.queries';
import { refuseIfHeld, shareHoldGuard } from '#database/hold-guard.queries';
import type { InsertedAction } from '#database/ingest.queries';
import { findOvertaken } from '#database/reverts.queries';
import { lockHeads, promoteHeads, type Target } from '#database/targets.queries';
import { supersededBy } from '#domain/revert';

/**
 * Starts what it can of actions that were just stored, in their transaction and as its last step: that fails, at its end at
 * the latest, if a hold has come meanwhile that covers any of them (`isStartedUnderHold`).
 * @returns the claims of what was started as it was stored, and of what there is room for beside it
 */
export async function startStored(
  manager: EntityManager,
  actions: InsertedAction[],
  room: ClaimRoom,
  lease: ClaimLease,
): Promise<Claim[]> {
  const started = actions.flatMap(({ claim }) => claim ?? []);
  const targets = actions.filter(
    (action): action is typeof action & Target => !action.ready && action.targetKey !== null,
  );
  await lockHeads(manager, targets);
  await failOvertaken(manager, actions);
  await promoteHeads(manager, targets);
  // Only now, when no lock is waited for any more: an emergency stop waits for whoever shares the guard.
  if (started.length > 0) {
    await shareHoldGuard(manager);
    await refuseIfHeld(manager, started);
  }
  const rest = roomBeside(started, room);
  if (started.length === actions.length || rest.byProvider.size === 0) return started;
  return [...started, ...(await claimWork(manager, rest, lease))];
}

/** The room that is left once these have taken their places. */
function roomBeside(claims: Claim[], room: ClaimRoom): ClaimRoom {
  const byProvider = new Map(room.byProvider);
  for (const { providerKey } of claims) {
    const places = byProvider.get(providerKey)! - 1;
    if (places > 0) byProvider.set(providerKey, places);
    else byProvider.delete(providerKey);
  }
  const total = room.total - claims.length;
  return { ...room, byProvider: total > 0 ? byProvider : new Map(), total };
}

/** A timed revert must not undo what was accepted before it and after the action that it was made for. */
async function failOvertaken(manager: EntityManager, inserted: InsertedAction[]): Promise<void> {
  const reverts = inserted.filter(({ revertsActionId }) => revertsActionId !== null);
  for (const { newer, ...revert } of await findOvertaken(manager, reverts)) {
    await endAction(manager, revert, { type: 'failed', errorInfo: supersededBy(newer), by: null });
  }
}

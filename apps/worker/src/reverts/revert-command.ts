import type { ActionReference } from '#database/action-row';
import type { LookedAt } from '#database/reverts.queries';
import type { CreateCommand } from '#domain/command';
import { deriveId } from '#domain/ids';
import type { ActionEntry } from '#providers/action-entry';
import { revertParameters } from '#providers/revert-action';

/** An action has one revert: whichever worker makes it, and however often. */
export function revertIdOf({ azureTenantId, actionId }: ActionReference): string {
  return deriveId(azureTenantId, actionId, 'revert');
}

/**
 * The create of a revert, as its caller would have sent it: on the same target, by the same caller, with those of the
 * parameters that it takes.
 * @param requestedDateTime kept over repeats, so that they are equal
 */
export function revertCommand(
  timer: LookedAt,
  revert: ActionEntry,
  requestedDateTime: Date,
): CreateCommand {
  const { azureTenantId, actionId, row } = timer;
  const id = revertIdOf(timer);
  return {
    schemaVersion: 1,
    acceptedDateTime: requestedDateTime.toISOString(),
    caller: { tenantId: azureTenantId, appId: row.appId, user: row.user },
    clientRequestId: null,
    provider: { key: row.providerKey, action: revert.name },
    targetKey: row.targetKey,
    // Nobody resends it: a key that no client's create can have.
    resendKey: id,
    action: {
      id,
      name: revert.name,
      actionReason: `Timed revert of ${row.actionName} ${actionId}.`,
      clientContext: row.clientContext,
      parameters: revertParameters(revert, row.parameters),
      vendorInformation: row.vendorInformation,
      properties: {},
      revertsActionId: actionId,
    },
  };
}

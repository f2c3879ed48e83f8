import type { HoldEntity } from '#database/entities/hold.entity';
import type { InFlight, InFlightAction } from '#database/hold.queries';
import type { Hold, HoldInForce } from '#domain/hold';
import type { Catalogue } from '#providers/catalogue';

/** A hold as answers show it. */
export function presentHold(catalogue: Catalogue, hold: HoldEntity): Hold {
  return {
    id: hold.id,
    azureTenantId: hold.azureTenantId,
    ...(hold.providerKey === null
      ? { vendor: null, provider: null }
      : namesOf(catalogue, hold.providerKey)),
    name: hold.actionName,
    reason: hold.reason,
    createdDateTime: hold.createdDateTime.toISOString(),
    createdBy: {
      azureTenantId: hold.createdByTenantId,
      appId: hold.createdByAppId,
      user: hold.createdByUser,
    },
    releasedDateTime: hold.releasedDateTime?.toISOString() ?? null,
    releasedBy: hold.releasedDateTime && {
      azureTenantId: hold.releasedByTenantId!,
      appId: hold.releasedByAppId!,
      user: hold.releasedByUser,
    },
  };
}

/** The same with how much it keeps waiting, if that is known, and with what it came too late for. */
export function presentHoldInForce(
  catalogue: Catalogue,
  hold: HoldEntity,
  { heldCount, inFlight: { actions, count } }: { heldCount: number | null; inFlight: InFlight },
): HoldInForce {
  return {
    ...presentHold(catalogue, hold),
    heldCount,
    inFlightCount: count,
    inFlight: actions.map((action) => presentAction(catalogue, action)),
  };
}

function presentAction(catalogue: Catalogue, action: InFlightAction) {
  const { providerKey, leaseUntil, id, azureTenantId, status, name, attempt, awaitingReport } =
    action;
  return {
    id,
    azureTenantId,
    status,
    ...namesOf(catalogue, providerKey),
    name,
    attempt,
    leaseUntil: leaseUntil?.toISOString() ?? null,
    awaitingReport,
  };
}

/** A key alone cannot be taken apart: both names may have a slash in them. */
function namesOf(catalogue: Catalogue, key: string): { vendor: string | null; provider: string } {
  const entry = catalogue.get(key);
  return { vendor: entry?.vendor ?? null, provider: entry?.provider ?? key };
}

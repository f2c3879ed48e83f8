import type { Database } from './action-row.ts';
import {
  type Slice,
  deleteActions,
  lockKeys,
  lockOld,
  withoutLaterOnes,
} from './retention.queries.ts';

/**
 * Removes those actions of a slice that may go, with their events, aliases and idempotency keys. To be run in a READ COMMITTED
 * transaction; it waits for no lock.
 * @param ageMs how long ago the last that happened to them must be
 * @returns how many
 */
export async function removeOldActions(
  database: Database,
  slice: Slice,
  ageMs: number,
): Promise<number> {
  const { azureTenantId } = slice;
  const old = await lockOld(database, slice, ageMs);
  if (old.length === 0) return 0;
  const inUse = await lockKeys(database, azureTenantId, old, ageMs);
  const unused = old.filter((id) => !inUse.has(id));
  const gone = await withoutLaterOnes(database, azureTenantId, unused);
  if (gone.length > 0) await deleteActions(database, azureTenantId, gone);
  return gone.length;
}

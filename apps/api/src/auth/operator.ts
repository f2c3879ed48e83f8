import type { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';

/** The one tenant that is an operator's business: the token's; null for an operator of every tenant. */
export function tenantOperatedBy(
  { tenantId }: Caller,
  { OPERATOR_TENANTS = [] }: Pick<Settings, 'OPERATOR_TENANTS'>,
): string | null {
  return OPERATOR_TENANTS.includes(tenantId) ? null : tenantId;
}

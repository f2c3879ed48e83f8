import type { Caller } from './caller.ts';
import { ApiError } from './errors.ts';

/* Who may report about an action. */

/** An app that may report about a provider's actions. */
export interface Reporter {
  tenant: string;
  app: string;
}

/**
 * Whether a caller may report about an action of `tenantId` whose provider lists `reporters`, or none. `unknown`: to this
 * caller there is no such action.
 */
export function reporterStanding(
  caller: Pick<Caller, 'tenantId' | 'appId'>,
  tenantId: string,
  reporters: readonly Reporter[] | undefined,
): 'allowed' | 'denied' | 'unknown' {
  const isListed = reporters?.some(
    ({ tenant, app }) => tenant === caller.tenantId && app === caller.appId,
  );
  if (isListed) return 'allowed';
  if (tenantId !== caller.tenantId) return 'unknown';
  return reporters ? 'denied' : 'allowed';
}

/** What a caller hears who is `denied`. */
export function reporterDenied(providerKey: string): ApiError {
  return new ApiError(
    'Authorization_RequestDenied',
    `Only the reporters of ${providerKey} may report about its actions.`,
  );
}

import { randomUUID } from 'node:crypto';
import type { Claim } from '#database/claim.queries';

/** The claim of an action of the fixture's provider, for tests that do not look at the action. */
export function claimOf(overrides: Partial<Claim> = {}): Claim {
  return {
    azureTenantId: 'tenant',
    actionId: randomUUID(),
    attemptId: randomUUID(),
    actionName: 'Isolate',
    traceparent: null,
    providerKey: 'Acme/Firewall',
    targetKey: null,
    attempt: 1,
    next: 'call',
    probes: 0,
    awaitingReport: false,
    unavailableMs: null,
    mayHaveActed: false,
    action: {} as Claim['action'],
    ...overrides,
  };
}

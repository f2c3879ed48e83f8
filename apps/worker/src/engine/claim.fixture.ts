import { randomUUID } from 'node:crypto';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { Claim } from '#database/claim.queries';
import { providerEntry } from '#providers/provider-entry.fixture';
import type { Holding } from './holdings.ts';

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

/** A claim that is held, and its lease far from its end. */
export function holdingOf(overrides: Partial<Holding> = {}): Holding {
  return {
    claim: claimOf(),
    entry: providerEntry(),
    leaseEndsAtMs: performance.now() + 60_000,
    lost: new AbortController(),
    cancelWanted: false,
    takingBack: null,
    takeBackAtMs: 0,
    trace: ROOT_CONTEXT,
    ...overrides,
  };
}

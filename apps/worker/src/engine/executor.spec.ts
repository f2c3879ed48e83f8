import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { DataSource } from 'typeorm';
import { expect, it, vi } from 'vitest';
import type { Settlement } from '#database/settle.queries';
import { providerEntry } from '#providers/provider-entry.fixture';
import { claimOf } from './claim.fixture.ts';
import { Executor } from './executor.ts';
import type { Holding, Holdings } from './holdings.ts';
import type { ProviderCaller } from './provider-caller.ts';
import type { Settler } from './settler.ts';

const capabilities = { idempotent: true, cancel: false, probe: true };

/** What a provider class answers that does not keep to its types. */
const MALFORMED = {
  call: { kind: 'failed', errorInfo: { code: 4, message: 42, subcode: 0 } },
  probe: { kind: 'known', status: 'Failed', errorInfo: { code: 4, message: 42, subcode: 0 } },
};

async function run(next: 'call' | 'probe') {
  const drop = vi.fn<(holding: Holding) => void>();
  const settle = vi.fn<(settlement: Settlement) => Promise<number>>().mockResolvedValue(0);
  const caller = {
    mayCall: () => true,
    abort: () => undefined,
    execute: () => Promise.resolve(MALFORMED.call),
    probe: () => Promise.resolve(MALFORMED.probe),
  };
  const executor = new Executor(
    {} as DataSource,
    { isClosed: false, drop } as unknown as Holdings,
    caller as unknown as ProviderCaller,
    { settle } as unknown as Settler,
  );
  const holding: Holding = {
    claim: { ...claimOf(), next },
    entry: providerEntry({ capabilities }),
    leaseEndsAtMs: performance.now() + 60_000,
    lost: new AbortController(),
    takingBack: null,
    takeBackAtMs: 0,
    trace: ROOT_CONTEXT,
  };
  executor.start([holding]);
  await executor.drain(10_000);
  return { drop, settle, holding };
}

it.each([
  ['call', { type: 'attemptFailed', mayHaveActed: true }],
  ['probe', { type: 'postponed', unavailable: false }],
] as const)(
  'settles a %s whose answer cannot be made sense of as one without an answer',
  async (next, settled) => {
    const { drop, settle, holding } = await run(next);
    expect(drop).toHaveBeenCalledExactlyOnceWith(holding);
    expect(settle).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(settled));
  },
);

import type { DataSource } from 'typeorm';
import { expect, it, vi } from 'vitest';
import type { Settlement } from '#database/settle.queries';
import { providerEntry } from '#providers/provider-entry.fixture';
import { claimOf, holdingOf } from './claim.fixture.ts';
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

const AWAY = { kind: 'unavailable', reason: 'nothing was sent' };

async function run(
  next: 'call' | 'probe',
  { answer = MALFORMED.call as unknown, hasTurn = (): boolean => true } = {},
) {
  const query = vi.fn<(sql: string) => Promise<unknown[]>>().mockResolvedValue([[], 0]);
  const drop = vi.fn<(holding: Holding) => void>();
  const settle = vi.fn<(settlement: Settlement) => Promise<number>>().mockResolvedValue(0);
  const caller = {
    mayBeginCall: hasTurn,
    mayCall: () => true,
    abort: () => undefined,
    execute: () => Promise.resolve(answer),
    probe: () => Promise.resolve(MALFORMED.probe),
  };
  const executor = new Executor(
    { manager: { query } } as unknown as DataSource,
    { isClosed: false, drop } as unknown as Holdings,
    caller as unknown as ProviderCaller,
    { settle } as unknown as Settler,
  );
  const holding = holdingOf({
    claim: claimOf({ next }),
    entry: providerEntry({ capabilities }),
  });
  executor.start([holding]);
  await executor.drain(10_000);
  return { drop, settle, holding, query };
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

it('does not say of a provider that it was away when the worker lost its turn before anything was sent', async () => {
  const hasTurn = vi.fn<() => boolean>().mockReturnValueOnce(true).mockReturnValue(false);
  const { drop, settle, holding, query } = await run('call', { answer: AWAY, hasTurn });
  expect(settle).not.toHaveBeenCalled();
  expect(query).toHaveBeenCalledExactlyOnceWith(
    expect.stringContaining('"leaseOwner" = NULL'),
    expect.anything(),
  );
  expect(drop).toHaveBeenCalledExactlyOnceWith(holding);
});

it('says of a provider that it was away when it was', async () => {
  const { settle } = await run('call', { answer: AWAY });
  expect(settle).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ type: 'postponed', unavailable: true }),
  );
});

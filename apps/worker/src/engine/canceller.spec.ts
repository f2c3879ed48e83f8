import type { DataSource } from 'typeorm';
import { expect, it, vi } from 'vitest';
import type { Settings } from '#config/settings';
import type { Catalogue } from '#providers/catalogue';
import type { Finding } from '#providers/provider';
import { Canceller } from './canceller.ts';
import { holdingOf } from './claim.fixture.ts';
import type { Executor } from './executor.ts';
import type { Holdings } from './holdings.ts';
import type { ProviderCaller } from './provider-caller.ts';

it('keeps a call back that has not begun, whatever its provider says about it', async () => {
  const holding = holdingOf();
  const { attemptId } = holding.claim;
  // Asked whether anybody wants anything cancelled, and which attempts, Postgres says: this one.
  const query = () => Promise.resolve([{ attemptId }]);
  const finding: Finding = { kind: 'known', status: 'NotStarted', errorInfo: null };
  const cancel = vi.fn<() => Promise<Finding>>().mockResolvedValue(finding);
  const canceller = new Canceller(
    { manager: { query } } as unknown as DataSource,
    { providers: [] } as unknown as Catalogue,
    {
      isClosed: false,
      get: (id: string) => (id === attemptId ? holding : undefined),
      claimBeyondRoom: () => Promise.resolve([]),
    } as unknown as Holdings,
    { cancel } as unknown as ProviderCaller,
    { track: () => undefined } as unknown as Executor,
    { LEASE_MS: 30_000, CLAIM_INTERVAL_MS: 60_000 } as Settings,
  );
  canceller.loop.start();
  try {
    await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce());
    expect(holding.cancelWanted).toBe(true);
    expect(await holding.takingBack).toBe(false);
  } finally {
    await canceller.loop.stop();
  }
});

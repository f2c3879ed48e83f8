import type { Outage } from './outage-windows.ts';
import type { Exchange } from './run-record.ts';

/** The requests that were sent while an outage lasted, each with its outage. */
export function within(
  exchanges: readonly Exchange[],
  outages: readonly Outage[],
): { exchange: Exchange; outage: Outage }[] {
  return outages.flatMap((outage) =>
    exchanges
      .filter(({ invoke }) => invoke.atMs > outage.fromMs && invoke.atMs < outage.toMs)
      .map((exchange) => ({ exchange, outage })),
  );
}

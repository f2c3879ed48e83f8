/** Of latencies in milliseconds, by nearest rank: the p99 of up to 100 values is the largest or the one before. */
export interface Latency {
  p50: number;
  p99: number;
}

/** @throws when there is nothing to tell from */
export function latencyOf(values: readonly number[]): Latency {
  if (values.length === 0) throw new Error('no latencies');
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.ceil(part * sorted.length) - 1]!;
  return { p50: at(0.5), p99: at(0.99) };
}

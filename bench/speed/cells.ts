import type { Latency } from '../latency.ts';

/* How figures are written in the cells of a table. */

const MIB = 2 ** 20;

/** What could not be measured. */
export const NOTHING = '–';

export const whole = (value: number | undefined): string =>
  value === undefined ? NOTHING : value.toFixed(0);

/** @param bytes is shown in MiB */
export const mebibytes = (bytes: number | undefined): string =>
  whole(bytes === undefined ? undefined : bytes / MIB);

export const milliseconds = (value: number): string =>
  value < 1000 ? value.toFixed(1) : value.toFixed(0);

/** Two cells. */
export const latency = ({ p50, p99 }: Latency): string[] => [milliseconds(p50), milliseconds(p99)];

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/**
 * Reads `90s`, `15m`, `1h`, `7d`, and `-1h` for a time in the past.
 * @returns seconds.
 */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(-?\d+)([smhd])$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) {
    throw new Error(`'${text}' is not a duration; write 90s, 15m, 1h, 7d, or -1h for the past`);
  }
  return Number(amount) * SECONDS[unit as keyof typeof SECONDS];
}

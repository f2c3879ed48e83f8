import { ApiError } from './errors.ts';

/*
 * The horizon: what was accepted before it may have been an action that has been removed, so it can never become one.
 */

const DAY_MS = 86_400_000;

/**
 * Actions are removed so much later than RETENTION_DAYS says: the clock of a worker or an API process, which judges by the
 * horizon, may be behind that of Postgres, which removes, and what was judged is stored a moment later.
 */
const MARGIN_MS = 3_600_000;

/**
 * How long ago the last that happened to an action must be for it to be removed.
 * @param retentionDays above 0
 */
export function removalAgeMs(retentionDays: number): number {
  return retentionDays * DAY_MS + MARGIN_MS;
}

/**
 * Whether what was accepted then is beyond the horizon.
 * @param retentionDays 0: there is none
 */
export function isBeyondHorizon(acceptedAt: Date, retentionDays: number, now: Date): boolean {
  return retentionDays > 0 && acceptedAt.getTime() < now.getTime() - retentionDays * DAY_MS;
}

/** Why something can never become an action. */
export function expired(acceptedAt: Date): ApiError {
  return new ApiError(
    'expired',
    `Accepted at ${acceptedAt.toISOString()}, longer ago than RETENTION_DAYS: it may have been an action that has been removed, so it can never become one. Create it anew.`,
  );
}

/**
 * The longest lease that a worker may be told to take (`LEASE_MS`). What lies further ahead than that was written before
 * Postgres's clock was set back, whatever the settings of the worker that wrote it are, and would else be believed for as long as
 * the clock was set back by.
 */
export const LEASE_MS_MAX = 600_000;

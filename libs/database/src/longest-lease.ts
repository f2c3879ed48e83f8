import { LEASE_MS_MAX } from '#config/longest-lease';

/**
 * When a lease that is taken now ends at the latest. What ends later is from before Postgres's clock was set back. It is made to
 * end then, and not at once: whoever lives renews it long before, and only the dead lose what they held.
 * @param now also `now()`, which an index can be searched by
 */
export const latestEnd = (now: 'now()' | 'clock_timestamp()' = 'clock_timestamp()') =>
  `(${now} + interval '${LEASE_MS_MAX} ms')`;

import { LEASE_MS_MAX } from '../longest-lease.ts';
import { count, countUpTo, file, milliseconds } from './kinds.ts';

/**
 * What acts, how much is taken on at once, and how often more is looked for. API processes, too, read the catalogue and end
 * within SHUTDOWN_GRACE_MS.
 */
export const worker = {
  PROVIDERS_FILE: file.default('config/providers.yaml').describe('The provider catalogue.'),
  LEASE_MS: milliseconds
    .min(2000)
    .max(LEASE_MS_MAX, `must be at most ${LEASE_MS_MAX}: work of the dead would wait for longer`)
    .default(30_000)
    .describe(
      'A worker that has not renewed for so long is taken for dead and its work for orphaned.',
    ),
  SHUTDOWN_GRACE_MS: milliseconds
    .default(15_000)
    .describe('What is under way gets this long at SIGTERM.'),
  INGEST_BATCH_MAX: countUpTo(5000, 'a transaction must end within DATABASE_STATEMENT_TIMEOUT_MS')
    .default(250)
    .describe(
      'Commands stored in one transaction; up to a quarter of CALLS_IN_FLIGHT_MAX can start as they are stored.',
    ),
  CALLS_IN_FLIGHT_MAX: countUpTo(
    10_000,
    'each holds its action in memory, and all are renewed at once',
  )
    .default(1024)
    .describe('Provider calls of one worker at once; it claims no more than it has room for.'),
  CIRCUIT_FAILURES_MAX: count
    .default(10)
    .describe(
      'A provider that fails so often in a row is not called for a while; its actions wait.',
    ),
  CIRCUIT_OPEN_MS: milliseconds
    .default(5000)
    .describe('After so long it is tried with one action, which decides whether it goes on.'),
  CLAIM_INTERVAL_MS: milliseconds
    .default(100)
    .describe('How often a worker looks for work that became due without a signal (retries).'),
  RECOVERY_INTERVAL_MS: milliseconds
    .default(1000)
    .describe('How often expired leases are looked for; overlooked targets each tenth time.'),
  REVERT_INTERVAL_MS: milliseconds
    .max(1000)
    .default(500)
    .describe(
      'How often due timed reverts are looked for; at most a second, so that none is late.',
    ),
  SETTLE_BATCH_MAX: countUpTo(
    5000,
    'it must end within DATABASE_STATEMENT_TIMEOUT_MS, before leases do',
  )
    .default(500)
    .describe('Outcomes written in one transaction.'),
  RELAY_INTERVAL_MS: milliseconds
    .default(100)
    .describe(
      'How often the outbox is looked at without a signal; while there is always something to publish, half as often.',
    ),
  RELAY_BATCH_MAX: countUpTo(
    5000,
    'all of it is held in memory and read within DATABASE_STATEMENT_TIMEOUT_MS',
  )
    .default(500)
    .describe('Events published in one request.'),
  DEAD_LETTERS_MAX: countUpTo(
    200_000,
    'they are counted every ten seconds, within DATABASE_STATEMENT_TIMEOUT_MS',
  )
    .default(100_000)
    .describe(
      'Open dead letters that are listed. Beyond, the oldest of the tenant with the most are in their topic alone. 8 GiB if all are as large as they can be.',
    ),
  SIMULATOR_EFFECTS_FILE: file
    .optional()
    .describe('The simulated provider appends each effect to this file, one JSON object a line.'),
};

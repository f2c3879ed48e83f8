import { TOPIC_RETENTION_DAYS } from '../topic-retention.ts';
import { count, countFromZero, file, milliseconds, text } from './kinds.ts';

/** A century at most, so that what is so long ago is still a date. */
const retentionDays = countFromZero
  .max(36_500)
  .refine(
    (days) => days === 0 || days > TOPIC_RETENTION_DAYS,
    `must be 0 (keep for ever) or above ${TOPIC_RETENTION_DAYS}, the days that topics keep: what Kafka brings again must be on record, or it would run again`,
  );

/** Postgres, and how long it keeps what has ended. */
export const database = {
  DATABASE_URL: text
    .default('postgres://postgres:postgres@127.0.0.1:5432/security_actions')
    .describe('Postgres (or DATABASE_URL_FILE). Add sslmode=verify-full for TLS.'),
  DATABASE_URL_FILE: file
    .optional()
    .describe('A file with that address; each new connection takes the password from it anew.'),
  DATABASE_POOL_SIZE: count.default(10).describe('Connections of one process for its main work.'),
  DATABASE_CONNECT_TIMEOUT_MS: milliseconds
    .default(2000)
    .describe('A connection that is not there by then counts as an outage.'),
  DATABASE_STATEMENT_TIMEOUT_MS: milliseconds
    .default(2500)
    .describe(
      'A statement that takes longer is given up; with the above, reads answer 503 in 5 s.',
    ),
  RETENTION_DAYS: retentionDays
    .default(0)
    .describe(
      `Actions to which nothing has happened for so long after their end are removed, with their history; 0: never. Else above ${TOPIC_RETENTION_DAYS}, and the same for all API and worker processes.`,
    ),
};

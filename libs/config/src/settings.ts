import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { BODY_BYTES_CEILING, REQUEST_BYTES_CEILING } from './message-size.ts';
import { TOPIC_RETENTION_DAYS } from './topic-retention.ts';

/*
 * Every setting of every process: name, default, unit, reason. This is the only file that reads
 * process.env. `.env.example` is generated from it (`node dev/env-example.ts`), and a test keeps the two equal.
 */

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().positive();
const countFromZero = z.coerce.number().int().min(0);
/** A count that breaks a promise above `max`: `why` says which. */
const countUpTo = (max: number, why: string) => count.max(max, `must be at most ${max}: ${why}`);
/** Beyond this a timer of Node fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const milliseconds = z.coerce.number().int().positive().max(TIMER_MS_MAX);
/** A century at most, so that what is so long ago is still a date. */
const retentionDays = countFromZero
  .max(36_500)
  .refine(
    (days) => days === 0 || days > TOPIC_RETENTION_DAYS,
    `must be 0 (keep for ever) or above ${TOPIC_RETENTION_DAYS}, the days that topics keep: what Kafka brings again must be on record, or it would run again`,
  );
const text = z.string().min(1);
/** A tenant or an app, as a token can name it: part of keys, so that neither blanks nor control characters fit. */
const identifier = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters');
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const file = text;
const list = text
  .regex(/^\s*[^,\s]+(?:\s*,\s*[^,\s]+)*\s*$/, 'must be values separated by commas')
  .transform((value) => value.split(',').map((item) => item.trim()));

/** Settings whose value may come from a file instead: `NAME_FILE` holds the path. */
const SECRETS = ['DATABASE_URL', 'KAFKA_SASL_PASSWORD', 'OTEL_EXPORTER_OTLP_HEADERS'] as const;

const http = {
  HTTP_HOST: text.default('0.0.0.0').describe('Address the API listens on.'),
  HTTP_PORT: port.default(8080).describe('Port of the API. Several API processes may share it.'),
  HTTPS_PORT: port
    .optional()
    .describe('Port of the API over TLS; off unless set, with both TLS files.'),
  ADMIN_PORT: port
    .default(8081)
    .describe('Port of /healthz, /readyz and /metrics, apart from the public one.'),
  TLS_CERT_FILE: file.optional().describe('Certificate chain for HTTPS_PORT, PEM.'),
  TLS_KEY_FILE: file.optional().describe('Private key for HTTPS_PORT, PEM.'),
  TRUST_PROXY: flag
    .default(false)
    .describe(
      'Take host and protocol of links from X-Forwarded-*; only behind a proxy that sets them.',
    ),
  BODY_BYTES_MAX: countUpTo(
    BODY_BYTES_CEILING,
    'a larger body can become a message that Kafka refuses (max.message.bytes of 1 MiB)',
  )
    .default(65_536)
    .describe(
      'Largest request body, also after gunzip; 204800 at most, so that it fits into one Kafka message.',
    ),
  BATCH_BODY_BYTES_MAX: countUpTo(
    16 * 1024 * 1024,
    'it is held in memory as a whole, and its answers end at 16 MiB, too',
  )
    .default(1_048_576)
    .describe('The same for $batch as a whole; BODY_BYTES_MAX holds for each of its requests.'),
  BATCH_TIMEOUT_MS: milliseconds
    .default(10_000)
    .describe('Requests of a $batch that have not begun by then are answered 503.'),
  CORS_ORIGINS: list
    .optional()
    .describe(
      'Origins whose pages may call the API from a browser, separated by commas; * for all; off unless set.',
    ),
  RATE_LIMIT_PER_MINUTE: count
    .optional()
    .describe(
      'Requests a minute of one tenant and app, counted by each API process; off unless set. Graph: 150.',
    ),
  PAGE_SIZE_DEFAULT: count.default(100).describe('Actions a page when $top is not given.'),
  PAGE_SIZE_MAX: countUpTo(2000, 'a page is held in memory, with bodies of up to BODY_BYTES_MAX')
    .default(1000)
    .describe('Largest $top; a larger one is clamped to it.'),
  ACCEPT_TIMEOUT_MS: milliseconds
    .default(3000)
    .describe('A create that Kafka has not acknowledged by then is answered 503.'),
  REQUESTS_WAIT_MS: countFromZero
    .max(TIMER_MS_MAX)
    .default(1500)
    .describe(
      'How long a create waits for what Kafka acknowledged on `requests` before it, so that it comes after it; half of ACCEPT_TIMEOUT_MS at most. 0: it never waits.',
    ),
  KEY_LOOKUP_MS: milliseconds
    .default(200)
    .describe(
      'How long a create with an Idempotency-Key waits for Postgres to say whether it came before; then it is accepted, and the worker decides.',
    ),
  READ_WAIT_MS: milliseconds
    .default(2000)
    .describe('How long a read waits for the worker to project what was accepted before it.'),
  READ_WAITERS_MAX: count.default(1000).describe('Reads that may wait at once; beyond: 503.'),
  READ_WAITERS_PER_APP_MAX: count
    .default(50)
    .describe('The same per tenant and app, so that one client cannot take all places.'),
};

const auth = {
  AUTH_ISSUER: list
    .default(['http://localhost:8089'])
    .describe(
      'The `iss` a token must carry, or several, separated by commas. {tenantid} stands for its `tid`.',
    ),
  AUTH_AUDIENCE: list
    .default(['https://graph.microsoft.com'])
    .describe('The `aud` a token must carry, or several, separated by commas.'),
  AUTH_JWKS_URI: text
    .default('http://localhost:8089/jwks')
    .describe('Where the public keys of the issuer are read.'),
  UNKNOWN_KEY_WAIT_MS: milliseconds
    .default(60_000)
    .describe(
      'How long a partition of `requests` or `reports` waits for an issuer that is away when a token names a key that is not known yet; from then on, until the issuer answers, such messages are dead letters. Longer than an issuer takes to restart: a key may be new.',
    ),
  OPERATOR_TENANTS: list
    .optional()
    .describe(
      'Tenants whose operators (SecurityActions.Operate.All) act on every tenant, separated by commas; others act on their own.',
    ),
};

const kafka = {
  KAFKA_BROKERS: list
    .default(['127.0.0.1:9092'])
    .describe('Bootstrap brokers, host:port, separated by commas.'),
  KAFKA_TOPIC_PREFIX: z
    .string()
    .regex(/^[a-z0-9._-]+$/)
    .default('security-actions')
    .describe('First part of every topic name and of the consumer group.'),
  KAFKA_PARTITIONS: count
    .default(12)
    .describe('Partitions of each topic at creation. Change `commands` only when it is drained.'),
  KAFKA_REQUESTS_PARTITIONS: count
    .default(1)
    .describe(
      'The same of `requests` alone. With one, what any producer sends after an acknowledgement comes after it; with more, only under one key.',
    ),
  KAFKA_DOOR_AUTH: z
    .enum(['token', 'none'])
    .default('token')
    .describe(
      'Who creates by `requests`: the token of each message says, or whoever may write there is KAFKA_DOOR_TENANT and KAFKA_DOOR_APP.',
    ),
  KAFKA_DOOR_TENANT: identifier
    .optional()
    .describe('The tenant of all requests on Kafka when KAFKA_DOOR_AUTH is none.'),
  KAFKA_DOOR_APP: identifier.optional().describe('Their app, likewise.'),
  KAFKA_REPLICATION_FACTOR: count
    .default(1)
    .describe('Copies of each partition. 3 or more in production: see docs/operations.md.'),
  KAFKA_MIN_INSYNC_REPLICAS: count
    .default(1)
    .describe('Copies that must hold a message before it counts as accepted. 2 in production.'),
  KAFKA_COMPRESSION: z
    .enum(['none', 'zstd'])
    .default('none')
    .describe('Codec of what we produce. zstd saves disk and network for CPU.'),
  KAFKA_SSL: flag.default(false).describe('Speak TLS to the brokers.'),
  KAFKA_SSL_CA_FILE: file
    .optional()
    .describe('Authority of the brokers, PEM, if not a public one.'),
  KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .optional()
    .describe('SASL mechanism; needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.'),
  KAFKA_SASL_USERNAME: text.optional().describe('SASL user.'),
  KAFKA_SASL_PASSWORD: text.optional().describe('SASL password (or KAFKA_SASL_PASSWORD_FILE).'),
  PUBLISH_QUEUE_MESSAGES_MAX: countUpTo(1_000_000, 'past it, callers have long given up')
    .default(10_000)
    .describe('Messages waiting for Kafka in one process; past it: 503.'),
  PUBLISH_QUEUE_BYTES_MAX: countUpTo(1024 ** 3, 'the queue is held in memory')
    .default(32 * 1024 * 1024)
    .describe('The same in bytes, so that large bodies cannot fill the memory.'),
  PUBLISH_BATCH_MESSAGES_MAX: countUpTo(
    5000,
    'the client takes quadratic time to group them, in which nothing else runs',
  )
    .default(500)
    .describe('Messages of one produce request; kafkajs groups larger ones in quadratic time.'),
  PUBLISH_BATCH_BYTES_MAX: countUpTo(
    REQUEST_BYTES_CEILING,
    'topics refuse larger requests (max.message.bytes of 1 MiB)',
  )
    .default(768 * 1024)
    .describe('Bytes of one produce request; must stay below max.message.bytes (1 MiB).'),
  PUBLISH_IN_FLIGHT_MAX: count
    .default(4)
    .describe('Produce requests under way at once; more queue up, and so fill the next batch.'),
};

const database = {
  DATABASE_URL: text
    .default('postgres://postgres:postgres@127.0.0.1:5432/security_actions')
    .describe('Postgres (or DATABASE_URL_FILE). Add sslmode=verify-full for TLS.'),
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

const worker = {
  PROVIDERS_FILE: file.default('config/providers.yaml').describe('The provider catalogue.'),
  LEASE_MS: milliseconds
    .min(2000)
    .default(30_000)
    .describe(
      'A worker that has not renewed for so long is taken for dead and its work for orphaned.',
    ),
  SHUTDOWN_GRACE_MS: milliseconds
    .default(15_000)
    .describe('What is under way gets this long at SIGTERM.'),
  INGEST_BATCH_MAX: countUpTo(5000, 'a transaction must end within DATABASE_STATEMENT_TIMEOUT_MS')
    .default(500)
    .describe('Commands stored in one transaction.'),
  CALLS_IN_FLIGHT_MAX: countUpTo(
    10_000,
    'each holds its action in memory, and all are renewed at once',
  )
    .default(256)
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
    .default(50)
    .describe('How often the outbox is looked at without a signal.'),
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

const observability = {
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where traces go, as OTLP over HTTP (JSON); /v1/traces is added. Off unless set.'),
  OTEL_EXPORTER_OTLP_HEADERS: text
    .optional()
    .describe('Headers of those requests, name=value, separated by commas (or …_FILE).'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'The part of traces that is kept, 0 to 1; a caller with a traceparent decides for its own.',
    ),
  METRICS_INTERVAL_MS: milliseconds
    .default(15_000)
    .describe(
      'How often one worker counts what is left to do; no more often than metrics are read.',
    ),
};

/** The groups in the order of `.env.example`. */
export const settingGroups = { http, auth, kafka, database, worker, observability };

/** zod would else keep these back until everything above is right. */
const ALSO_BESIDE_OTHER_FAULTS = { when: () => true };

export const settingsSchema = z
  .object({ ...http, ...auth, ...kafka, ...database, ...worker, ...observability })
  .superRefine((settings, context) => {
    const refuse = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message });
    if (settings.HTTPS_PORT !== undefined && !(settings.TLS_CERT_FILE && settings.TLS_KEY_FILE)) {
      refuse('HTTPS_PORT', 'needs TLS_CERT_FILE and TLS_KEY_FILE');
    }
    if (
      settings.KAFKA_SASL_MECHANISM &&
      !(settings.KAFKA_SASL_USERNAME && settings.KAFKA_SASL_PASSWORD)
    ) {
      refuse('KAFKA_SASL_MECHANISM', 'needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
    }
    if (
      settings.KAFKA_DOOR_AUTH === 'none' &&
      !(settings.KAFKA_DOOR_TENANT && settings.KAFKA_DOOR_APP)
    ) {
      refuse('KAFKA_DOOR_AUTH', 'none needs KAFKA_DOOR_TENANT and KAFKA_DOOR_APP');
    }
    if (settings.PAGE_SIZE_DEFAULT > settings.PAGE_SIZE_MAX) {
      refuse('PAGE_SIZE_DEFAULT', 'must not exceed PAGE_SIZE_MAX');
    }
    if (settings.RECOVERY_INTERVAL_MS > settings.LEASE_MS / 2) {
      // A worker that looks so seldom could never tell that it was in touch for a whole lease.
      refuse('RECOVERY_INTERVAL_MS', 'must not exceed half of LEASE_MS');
    }
    if (settings.KAFKA_MIN_INSYNC_REPLICAS > settings.KAFKA_REPLICATION_FACTOR) {
      refuse('KAFKA_MIN_INSYNC_REPLICAS', 'must not exceed KAFKA_REPLICATION_FACTOR');
    }
  }, ALSO_BESIDE_OTHER_FAULTS);

/** All settings, checked. The class is only the injection token; instances come from `loadSettings`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- token and shape under one name
export interface Settings extends z.infer<typeof settingsSchema> {}
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging, typescript/no-extraneous-class
export abstract class Settings {}

/**
 * Reads and checks the settings. An empty or blank value counts as unset.
 * @throws Error that lists every wrong setting at once, one a line.
 */
export function loadSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const lines: string[] = [];
  for (const name of SECRETS) {
    try {
      const secret = readSecret(name, given);
      if (secret !== undefined) given[name] = secret;
    } catch (error) {
      lines.push(`  ${(error as Error).message}`);
    }
  }
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success && lines.length === 0) return parsed.data;
  for (const issue of parsed.error?.issues ?? []) {
    lines.push(`  ${issue.path.join('.')}: ${issue.message}`);
  }
  throw new Error(`These settings are wrong:\n${lines.join('\n')}`);
}

/**
 * The secret under this name: from the file that `<name>_FILE` names, else from the variable itself. Also for secrets
 * that are no setting but named elsewhere, as those of the provider catalogue.
 * @throws Error if there is such a file and it cannot be read
 */
export function readSecret(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = env[`${name}_FILE`];
  if (!path?.trim()) return env[name]?.trim() ? env[name] : undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new Error(`${name}_FILE: ${(error as Error).message}`);
  }
}

import { z } from 'zod';
import { BODY_BYTES_CEILING } from '../message-size.ts';
import {
  count,
  countFromZero,
  countUpTo,
  file,
  flag,
  list,
  milliseconds,
  text,
  TIMER_MS_MAX,
} from './kinds.ts';

const port = z.coerce.number().int().min(0).max(65_535);

/** Ports, what a request may bring, and how long it waits. */
export const http = {
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
  BODY_BYTES_IN_FLIGHT_MAX: countUpTo(1024 ** 3, 'bodies are held in memory')
    .default(16 * 1024 * 1024)
    .describe(
      'Memory for bodies that one process has not yet answered, in bytes; beyond: 503. Once it is there, a body counts three times: for itself and for what is made of it.',
    ),
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

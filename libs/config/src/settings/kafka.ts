import { z } from 'zod';
import { REQUEST_BYTES_CEILING } from '../message-size.ts';
import { count, countUpTo, file, flag, list, text } from './kinds.ts';

/** A tenant or an app, as a token can name it: part of keys, so that neither blanks nor control characters fit. */
const identifier = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters');

/** The brokers, the topics, who creates by `requests`, and how messages are produced. */
export const kafka = {
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
    .describe(
      'Produce requests to a topic under way at once; more queue up, and so fill the next batch.',
    ),
};

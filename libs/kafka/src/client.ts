import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Kafka, type KafkaConfig } from 'kafkajs';
import type { Settings } from '#config/settings';
import { bridgeLog, type KafkaLog } from './client-log.ts';
import { installKafkajsParts } from './kafkajs/install.ts';
import { createSocketFactory } from './socket-factory.ts';

installKafkajsParts();

const CONNECT_TIMEOUT_MS_MAX = 2000;

/** How patient a client is. */
export interface Patience {
  /** How long an answer may take, in milliseconds. */
  requestTimeoutMs?: number;
  /** How often it tries to connect before it says so, at most a second apart. */
  connectRetries?: number;
  /** Called with the socket of every attempt to connect. */
  onSocket?: (socket: Socket) => void;
}

/**
 * A client with the settings of this installation; nothing connects yet. Short-tempered by default: no request
 * outlives ACCEPT_TIMEOUT_MS, because by then its caller has been told. Patience is for work that nobody waits
 * for (topics, consumers).
 * @throws when KAFKA_SSL_CA_FILE cannot be read.
 */
export function createKafka(
  settings: Settings,
  log: KafkaLog,
  { requestTimeoutMs = settings.ACCEPT_TIMEOUT_MS, connectRetries = 2, onSocket }: Patience = {},
): Kafka {
  return new Kafka({
    clientId: settings.KAFKA_TOPIC_PREFIX,
    brokers: settings.KAFKA_BROKERS,
    ...security(settings),
    connectionTimeout: Math.min(CONNECT_TIMEOUT_MS_MAX, requestTimeoutMs),
    authenticationTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 1000,
      // Each try goes to the next bootstrap broker, and all must get their turn.
      retries: Math.max(connectRetries, settings.KAFKA_BROKERS.length),
    },
    socketFactory: createSocketFactory(onSocket),
    logCreator: bridgeLog(log),
  });
}

function security(settings: Settings): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  const { KAFKA_SSL, KAFKA_SSL_CA_FILE, KAFKA_SASL_MECHANISM } = settings;
  const ca = KAFKA_SSL_CA_FILE === undefined ? {} : { ca: readFileSync(KAFKA_SSL_CA_FILE, 'utf8') };
  return {
    ...(KAFKA_SSL && { ssl: ca }),
    ...(KAFKA_SASL_MECHANISM && { sasl: sasl(settings, KAFKA_SASL_MECHANISM) }),
  };
}

function sasl(
  settings: Settings,
  mechanism: NonNullable<Settings['KAFKA_SASL_MECHANISM']>,
): NonNullable<KafkaConfig['sasl']> {
  const username = settings.KAFKA_SASL_USERNAME ?? '';
  const password = settings.KAFKA_SASL_PASSWORD ?? '';
  // Not `{ mechanism, … }`: kafkajs types each mechanism by itself.
  switch (mechanism) {
    case 'plain':
      return { mechanism: 'plain', username, password };
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username, password };
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username, password };
  }
}

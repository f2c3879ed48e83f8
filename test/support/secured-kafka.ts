import { appendFileSync, existsSync } from 'node:fs';
import { certificatesFor } from '#providers/certificates.fixture';
import { KafkaProcess, prepareKafka } from '../../dev/kafka/broker.ts';
import { formatProperties } from '../../dev/kafka/server-properties.ts';
import { freePort } from '../../dev/process/ports.ts';
import { startUnsupervised } from '../../dev/process/service.ts';

const LOGIN_MODULES = 'org.apache.kafka.common.security';

/** A broker as one in production: nobody comes in without TLS and a password, and may do anything without a right. */
export interface SecuredKafka {
  process: KafkaProcess;
  /** Where everybody signs in. */
  brokers: string;
  /** Where the operator of the broker works, who may do everything. */
  operatorBrokers: string;
  /** The authority that has signed the broker, PEM. */
  authority: string;
}

/**
 * Starts one.
 * @param passwords of the users who sign in by SASL PLAIN; others are made at the running broker
 * @throws Error where Kafka runs in a container, which takes no further listener
 */
export async function startSecuredKafka(
  directory: string,
  passwords: Record<string, string>,
): Promise<SecuredKafka> {
  const [port, controllerPort, securedPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
  ]);
  const service = await prepareKafka({ directory, port, controllerPort });
  const file = `${directory}/server.properties`;
  if (!existsSync(file)) throw new Error('A secured broker needs Java.');
  const { authority, certificate, key } = await certificatesFor('localhost');
  const secured = {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort},SECURED://127.0.0.1:${securedPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SECURED://localhost:${securedPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL',
    ...ofListener({
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': certificate,
      'ssl.keystore.key': key,
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'plain.sasl.jaas.config': `${LOGIN_MODULES}.plain.PlainLoginModule required ${usersOf(passwords)};`,
      'scram-sha-256.sasl.jaas.config': `${LOGIN_MODULES}.scram.ScramLoginModule required;`,
      'scram-sha-512.sasl.jaas.config': `${LOGIN_MODULES}.scram.ScramLoginModule required;`,
    }),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Whoever comes by the other listeners: the broker itself, and its operator.
    'super.users': 'User:ANONYMOUS',
  };
  // What comes last in the file counts.
  appendFileSync(file, formatProperties(secured));
  const process = new KafkaProcess(service, await startUnsupervised(service));
  return {
    process,
    brokers: `localhost:${securedPort}`,
    operatorBrokers: `127.0.0.1:${port}`,
    authority,
  };
}

function ofListener(properties: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [`listener.name.secured.${name}`, value]),
  );
}

function usersOf(passwords: Record<string, string>): string {
  return Object.entries(passwords)
    .map(([user, password]) => `user_${user}="${password}"`)
    .join(' ');
}

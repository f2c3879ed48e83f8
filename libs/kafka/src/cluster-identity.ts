import { Injectable } from '@nestjs/common';
import { Kafka } from 'kafkajs';
import { answeredWithin } from './bounded.ts';
import { LeasedClient } from './leased-client.ts';

/** Above the time-outs of kafkajs, as it must only end what hangs for good. */
const READ_TIMEOUT_MS = 10_000;

/** The id of the Kafka cluster that this process works with: what tells one topic from its namesake elsewhere. */
@Injectable()
export class ClusterIdentity {
  readonly #kafka: Kafka;
  #id: Promise<string> | undefined;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** Read once and kept. @throws when Kafka cannot say it now; who asks later asks anew */
  async id(): Promise<string> {
    this.#id ??= this.#read();
    try {
      return await this.#id;
    } catch (error) {
      this.#id = undefined;
      throw error;
    }
  }

  async #read(): Promise<string> {
    const admin = new LeasedClient(this.#kafka.admin());
    const read = admin.use(async (client) => {
      await client.connect();
      return await client.describeCluster();
    });
    try {
      return (await answeredWithin(read, READ_TIMEOUT_MS)).clusterId;
    } finally {
      await admin.retire();
    }
  }
}

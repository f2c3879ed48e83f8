import { endsWithin } from './bounded.ts';

const DISCONNECT_TIMEOUT_MS = 2000;

/**
 * A producer or admin of kafkajs that is disconnected only when nobody uses it any more: a request that is
 * still trying would connect it again behind our back, and leave that connection open for good.
 */
export class LeasedClient<Client extends { disconnect(): Promise<void> }> {
  readonly #client: Client;
  readonly #gone = Promise.withResolvers<void>();
  #uses = 0;
  #retired = false;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Does `work` with the client. */
  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#uses++;
    try {
      return await work(this.#client);
    } finally {
      this.#uses--;
      this.#disconnectIfDone();
    }
  }

  /** To be given no new work. Disconnects after the last use; returns then, or after 2 s if Kafka hangs. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.#disconnectIfDone();
    await endsWithin(this.#gone.promise, DISCONNECT_TIMEOUT_MS);
  }

  #disconnectIfDone(): void {
    if (!this.#retired || this.#uses > 0) return;
    // Its failure tells nothing: whatever the connection was, it is no longer ours.
    this.#client.disconnect().then(
      () => this.#gone.resolve(),
      () => this.#gone.resolve(),
    );
  }
}

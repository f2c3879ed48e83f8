import { type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a product is away: nobody takes the connection, or somebody does and never answers. */
export type Absence = 'refuses' | 'hangs';

/** A product behind a webhook that does everything at once, when it is there. */
export class Product {
  readonly #server: Server;
  #hangs = false;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.resume().once('end', () => this.#answer(response));
    });
  }

  static async start(): Promise<Product> {
    const product = new Product();
    await product.#listen();
    product.#port = (product.#server.address() as AddressInfo).port;
    return product;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/act`;
  }

  async leave(absence: Absence): Promise<void> {
    if (absence === 'hangs') this.#hangs = true;
    else await this.stop();
  }

  /** Is there again, at the same address. What hung stays without an answer, as after a crash. */
  async comeBack(): Promise<void> {
    this.#hangs = false;
    this.#server.closeAllConnections();
    if (!this.#server.listening) await this.#listen();
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
  }

  #answer(response: ServerResponse): void {
    if (!this.#hangs) response.writeHead(204).end();
  }
}

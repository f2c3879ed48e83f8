import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Receiver } from './receiver.ts';
import { System, type SystemOptions } from './system.ts';

/** An action of every provider here: what it does is said by its parameters, and `target` is what it acts on. */
const ACTIONS = ['Isolate', 'Release'].map((name) => ({
  name,
  target: 'target',
  parameters: ['target', 'answers', 'body', 'probe', 'cancel', 'delayMs'].map((parameter) => ({
    name: parameter,
    type: 'string',
  })),
}));

/** A running system whose providers are webhooks of one receiver. */
export class WebhookSystem {
  readonly system: System;
  readonly receiver: Receiver;
  readonly #directory: string;
  readonly #providers: object[];

  private constructor(
    system: System,
    receiver: Receiver,
    files: { directory: string; providers: object[] },
  ) {
    this.system = system;
    this.receiver = receiver;
    this.#directory = files.directory;
    this.#providers = files.providers;
  }

  /** @param providers by name, what their entries have beyond the usual, given the receiver's address */
  static async start(
    providers: (url: string) => Record<string, object>,
    { env = {}, ...options }: SystemOptions = {},
  ): Promise<WebhookSystem> {
    const directory = mkdtempSync(join(tmpdir(), 'security-actions-webhooks-'));
    const receiver = await Receiver.start();
    const entries = Object.entries(providers(receiver.url)).map(([provider, more]) => ({
      vendor: 'Acme',
      provider,
      type: 'webhook',
      url: `${receiver.url}/act`,
      secretEnv: 'ACME_WEBHOOK_SECRET',
      retry: { attemptsMax: 10, backoffMs: 50, backoffMsMax: 400 },
      actions: ACTIONS,
      ...more,
    }));
    const file = join(directory, 'providers.yaml');
    writeFileSync(file, stringify({ providers: entries }));
    const settings = { ACME_WEBHOOK_SECRET: receiver.secret, PROVIDERS_FILE: file, ...env };
    try {
      const system = await System.start({ ...options, env: settings });
      return new WebhookSystem(system, receiver, { directory, providers: entries });
    } catch (error) {
      await receiver.stop();
      rmSync(directory, { recursive: true });
      throw error;
    }
  }

  /** The body of a create. */
  action(
    provider: string,
    parameters: Record<string, string>,
    name: 'Isolate' | 'Release' = 'Isolate',
  ) {
    return {
      name,
      parameters: Object.entries(parameters).map(([parameter, value]) => ({
        name: parameter,
        value,
      })),
      vendorInformation: { vendor: 'Acme', provider },
    };
  }

  /** Writes the catalogue that processes started from now on read. */
  offerOnly(providers: (provider: string) => boolean): void {
    const offered = this.#providers.filter((entry) =>
      providers((entry as { provider: string }).provider),
    );
    writeFileSync(join(this.#directory, 'providers.yaml'), stringify({ providers: offered }));
  }

  /** When actions ended and what of them is known, by their id. */
  async ends(): Promise<Map<string, End>> {
    const rows = await this.system.query<End>(
      `SELECT a."id", a."status", a."position"::int, (a."errorInfo"->>'code')::int AS "code",
              a."targetKey" AS "target", started."dateTime" AS "started", a."completedDateTime" AS "ended"
         FROM "security_action" a LEFT JOIN "security_action_event" started
           ON started."azureTenantId" = a."azureTenantId" AND started."actionId" = a."id"
          AND started."type" = 'started'`,
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  async stop(): Promise<void> {
    await this.system.stop();
    await this.receiver.stop();
    rmSync(this.#directory, { recursive: true });
  }
}

export interface End {
  id: string;
  status: string;
  /** In the order of acceptance on a target. */
  position: number;
  code: number | null;
  target: string | null;
  started: Date | null;
  ended: Date | null;
}

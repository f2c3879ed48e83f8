import type { Webhook } from 'standardwebhooks';
import type { SecurityAction } from '#domain/security-action';
import { type EndpointLimits, type Exchange, HttpEndpoint } from './http-endpoint.ts';
import type { Attempt, Outcome, Provider } from './provider.ts';
import { traceHeaders } from './trace-headers.ts';
import {
  type SecretReader,
  type WebhookEntry,
  readAuthorities,
  webhookSigner,
} from './webhook-entry.ts';
import type { WebhookRequest } from './webhook-messages.ts';
import { findingOf, outcomeOf } from './webhook-outcome.ts';

/**
 * A product behind an HTTP address: any that can take a signed POST. docs/providers.md has the contract. Each address has
 * connections of its own, so that a cancel never waits behind the calls it is to take back.
 */
export class WebhookProvider implements Provider {
  readonly cancel: Provider['cancel'];
  readonly probe: Provider['probe'];
  readonly #signer: Webhook;
  readonly #calls: HttpEndpoint;
  readonly #endpoints: HttpEndpoint[] = [];

  /** @throws Error if the secret or the certificates of the entry cannot be read */
  constructor(entry: WebhookEntry, secretOf: SecretReader) {
    this.#signer = webhookSigner(entry.secretEnv, secretOf);
    const limits: EndpointLimits = {
      ...entry,
      connectionsMax: entry.connectionsMax ?? entry.concurrencyMax,
      ...(entry.tlsCaFile !== undefined && { authorities: readAuthorities(entry.tlsCaFile) }),
    };
    const open = (address: string): HttpEndpoint => {
      const endpoint = new HttpEndpoint(address, limits);
      this.#endpoints.push(endpoint);
      return endpoint;
    };
    const questionTo = (address: string | undefined): Provider['probe'] => {
      if (address === undefined) return undefined;
      const endpoint = open(address);
      return async (action, attempt, signal) =>
        findingOf(await this.#post(endpoint, action, attempt, signal));
    };
    this.#calls = open(entry.url);
    this.cancel = questionTo(entry.cancelUrl);
    this.probe = questionTo(entry.probeUrl);
  }

  async execute(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Outcome> {
    return outcomeOf(await this.#post(this.#calls, action, attempt, signal));
  }

  async close(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
  }

  #post(
    endpoint: HttpEndpoint,
    action: SecurityAction,
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<Exchange> {
    const request: WebhookRequest = { action, attempt: attempt.number, attemptId: attempt.id };
    const body = JSON.stringify(request);
    const now = new Date();
    const headers = {
      ...traceHeaders(),
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'security-actions',
      'idempotency-key': action.id,
      'webhook-id': attempt.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': this.#signer.sign(attempt.id, now, body),
    };
    return endpoint.post(headers, body, { signal, mayBegin: () => attempt.mayBegin?.() ?? true });
  }
}

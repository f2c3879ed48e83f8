import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import type { SecurityAction } from '#domain/security-action';
import {
  type WebhookRequest,
  webhookQuestionSchema,
  webhookRequestSchema,
} from '#providers/webhook-messages';

/** One call as it came, its signature verified. */
export interface Call extends WebhookRequest {
  question: 'act' | 'cancel' | 'probe';
  idempotencyKey: string;
  receivedAtMs: number;
}

/**
 * A product behind a webhook. The parameters of an action say how it is dealt with: `answers`, one for each attempt, the
 * last one for all that follow: a status, a status with `Retry-After` seconds (`503/1`), `reset` or `hang`; `delayMs`, how
 * long that takes; and `probe` and `cancel`, the status that is said when it is asked.
 */
export class Receiver {
  readonly calls: Call[] = [];
  readonly secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  /** Answers 401 to all, as if the secret had been changed. */
  isLocked = false;
  readonly #webhook = new Webhook(this.secret);
  readonly #server: Server = createServer((request, response) => {
    this.#receive(request, response).catch((error: unknown) => {
      response.writeHead(401).end(String(error));
    });
  });

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  callsOf(id: string): Call[] {
    return this.calls.filter(({ action }) => action.id === id);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const verified = this.#webhook.verify(body, request.headers as Record<string, string>);
    const question = request.url!.slice(1) as Call['question'];
    const schema = question === 'act' ? webhookRequestSchema : webhookQuestionSchema;
    const sent = schema.parse(verified);
    if (this.isLocked) throw new Error('locked');
    const idempotencyKey = String(request.headers['idempotency-key']);
    this.calls.push({ ...sent, question, idempotencyKey, receivedAtMs: performance.now() });
    if (question === 'act')
      setTimeout(act, Number(parameterOf(sent.action, 'delayMs')), response, sent);
    else response.end(JSON.stringify({ status: parameterOf(sent.action, question) }));
  }
}

function act(response: ServerResponse, { action, attempt }: WebhookRequest): void {
  const answers = parameterOf(action, 'answers').split(',');
  const [answer = '', retryAfter] = (answers[attempt - 1] ?? answers.at(-1)!).split('/');
  if (answer === 'hang') return;
  if (answer === 'reset') {
    response.socket!.resetAndDestroy();
    return;
  }
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  response.writeHead(Number(answer)).end(parameterOf(action, 'body'));
}

function parameterOf({ parameters }: SecurityAction, name: string): string {
  return parameters.find((parameter) => parameter.name === name)?.value ?? '';
}

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as passed } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { SecurityAction } from '#domain/security-action';
import type { Status } from '#domain/status';
import {
  type WebhookRequest,
  webhookQuestionSchema,
  webhookRequestSchema,
} from '#providers/webhook-messages';
import type { EntryOf } from '../history.ts';
import { WEBHOOKS, type WebhookName } from './catalogue.ts';
import type { Recorder } from './recorder.ts';

/** What the product knows of one action: of one Idempotency-Key, as nothing else tells it that a call is a repeat. */
interface Case {
  /** Which of the products; unknown until it is called. */
  name: WebhookName | undefined;
  hasActed: boolean;
  isTakenBack: boolean;
  /** It has taken the action over and is to report. */
  isOwed: boolean;
  /** Its last word, once it has given it. */
  end: Status | null;
}

/** An action that the product runs, and has not reported the end of. */
export interface Owed {
  actionId: string;
  tenant: string;
  attemptId: string;
}

type Question = EntryOf<'call'>['question'];
type Call = WebhookRequest & { key: string };
/** `null`: no answer is sent. */
type Reply = { status: number | null; said: Status | null; isReset?: boolean };

/**
 * The products of a run behind their webhooks, on one address each. They do what a real product may: what it is that the
 * parameters of an action say, `answers`, one for each attempt, the last one for all that follow: a status, `hang` or
 * `reset`; and `delayMs`, how long that takes. Every call and every effect is recorded. Who repeats a call under another
 * key has it done twice.
 */
export class Product {
  readonly secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  readonly owed: Owed[] = [];
  readonly #webhook = new Webhook(this.secret);
  readonly #recorder: Recorder;
  readonly #cases = new Map<string, Case>();
  readonly #server = createServer((request, response) => {
    // A call that broke off before it had arrived is none.
    this.#receive(request, response).catch(() => response.destroy());
  });

  private constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  static async start(recorder: Recorder): Promise<Product> {
    const product = new Product(recorder);
    product.#server.listen(0, '127.0.0.1');
    await once(product.#server, 'listening');
    return product;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** It gives its last word by a report. Of what failed nothing is left: it is undone. */
  concludes(actionId: string, attemptId: string | null, status: 'Completed' | 'Failed'): void {
    // A report names the action, and that is what its key is to be.
    const known = this.#caseOf(actionId);
    known.isOwed = false;
    if (known.end !== null) return;
    known.end = status;
    if (status === 'Failed') this.#takeBack(actionId, attemptId ?? 'unknown', known);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const atMs = this.#recorder.nowMs();
    const [, name, question] = request.url!.split('/') as [string, WebhookName, Question];
    const sent = this.#take(question, body, request);
    if (!sent) {
      response.writeHead(400).end();
      return;
    }
    const { status, said, isReset } = await this.#reply(name, question, sent);
    this.#recorder.note<EntryOf<'call'>>({
      kind: 'call',
      atMs,
      provider: `Acme/${name}`,
      question,
      actionId: sent.action.id,
      attempt: sent.attempt,
      attemptId: sent.attemptId,
      webhookId: String(request.headers['webhook-id']),
      idempotencyKey: sent.key,
      told: toldBy(sent),
      answered: status,
      answeredAtMs: status === null ? null : this.#recorder.nowMs(),
      said,
    });
    if (isReset) response.socket?.resetAndDestroy();
    else if (status !== null)
      response.writeHead(status).end(said && JSON.stringify({ status: said }));
  }

  /** What was sent, if it is a call of the service; one that is none is recorded as such. */
  #take(question: Question, body: string, { headers, url }: IncomingMessage): Call | undefined {
    const key = headers['idempotency-key'];
    const schema = question === 'act' ? webhookRequestSchema : webhookQuestionSchema;
    try {
      if (typeof key !== 'string') throw new Error('it has no Idempotency-Key');
      const said = schema.parse(this.#webhook.verify(body, headers as Record<string, string>));
      return { ...said, key };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#recorder.note<EntryOf<'strayCall'>>({ kind: 'strayCall', path: url ?? '', reason });
      return undefined;
    }
  }

  async #reply(name: WebhookName, question: Question, sent: Call): Promise<Reply> {
    const known = this.#caseOf(sent.key);
    if (question === 'act') return this.#act(name, known, sent);
    const said = question === 'cancel' ? this.#cancel(known, sent) : stateOf(known);
    return { status: 200, said };
  }

  async #act(name: WebhookName, known: Case, sent: Call): Promise<Reply> {
    const answers = parameterOf(sent.action, 'answers').split(',');
    const answer = answers[sent.attempt - 1] ?? answers.at(-1)!;
    const isRepeat = known.hasActed && WEBHOOKS[name].idempotent;
    const refuses = answer === '422' || answer === '503';
    known.name = name;
    if (known.isTakenBack) return { status: 409, said: null };
    if (refuses && !known.hasActed) {
      if (answer === '422') known.end = 'Failed';
      return { status: Number(answer), said: null };
    }
    if (!isRepeat) this.#note(name, sent.action.id, sent.attemptId, false);
    known.hasActed = true;
    if (answer === 'hang') return { status: null, said: null };
    if (answer === 'reset') return { status: null, said: null, isReset: true };
    if (answer === '202') return this.#takeOver(known, sent);
    await passed(Number(parameterOf(sent.action, 'delayMs')));
    // Looked at anew: it may have been taken back meanwhile.
    if (this.#caseOf(sent.key).isTakenBack) return { status: 409, said: null };
    if (answer === '500') return { status: 500, said: null };
    known.end = 'Completed';
    return { status: 204, said: null };
  }

  #takeOver(known: Case, { action, attemptId }: WebhookRequest): Reply {
    if (known.end === null) {
      known.isOwed = true;
      this.owed.push({ actionId: action.id, tenant: action.azureTenantId!, attemptId });
    }
    return { status: 202, said: null };
  }

  /** What has not come to its end is taken back, and never done later. */
  #cancel(known: Case, { action, attemptId }: WebhookRequest): Status {
    if (known.end !== null) return known.end;
    known.end = 'Failed';
    this.#takeBack(action.id, attemptId, known);
    return 'Failed';
  }

  #takeBack(actionId: string, attemptId: string, known: Case): void {
    known.isTakenBack = true;
    if (known.hasActed && known.name) this.#note(known.name, actionId, attemptId, true);
  }

  #note(name: WebhookName, actionId: string, attemptId: string, isTakenBack: boolean): void {
    const provider = `Acme/${name}`;
    this.#recorder.note<EntryOf<'effect'>>({
      kind: 'effect',
      provider,
      actionId,
      attemptId,
      isTakenBack,
    });
  }

  #caseOf(key: string): Case {
    const known = this.#cases.get(key);
    if (known) return known;
    const made: Case = {
      name: undefined,
      hasActed: false,
      isTakenBack: false,
      isOwed: false,
      end: null,
    };
    this.#cases.set(key, made);
    return made;
  }
}

/** What became of an action; whoever is told that it is done can no more have it taken back. */
function stateOf(known: Case): Status {
  if (known.hasActed && !known.isOwed) known.end ??= 'Completed';
  return known.end ?? (known.isOwed ? 'Running' : 'NotStarted');
}

function toldBy({ action }: WebhookRequest): EntryOf<'call'>['told'] {
  return {
    name: action.name,
    target: parameterOf(action, 'target') || null,
    tenant: action.azureTenantId,
    clientContext: action.clientContext,
  };
}

function parameterOf({ parameters }: SecurityAction, name: string): string {
  return parameters.find((parameter) => parameter.name === name)?.value ?? '';
}

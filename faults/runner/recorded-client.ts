import { z } from 'zod';
import { type EntryOf, type Intent, type ShownAction, shownActionSchema } from '../history.ts';
import { historyEntrySchema } from '../../apps/api/src/security-actions/history-entry.ts';
import type { Recorder } from './recorder.ts';

/** Beyond every time that is promised: what takes so long is lost. */
const CLIENT_TIMEOUT_MS = 15_000;
const PATH = 'beta/security/securityActions';

/** Who asks. */
export interface Caller {
  tenant: string;
  app: string;
  token: string;
}

/** What came back; undefined status: the connection broke. */
export interface Outcome {
  status: number | undefined;
  shown: ShownAction[];
  retryAfterSeconds: number | null;
}

/** A create as it is sent. */
export interface Sent {
  intent: Intent;
  body: object;
  clientRequestId: string;
  retryAttempt: number | null;
}

interface Asked {
  operation: EntryOf<'invoke'>['operation'];
  actionId?: string;
  sent?: Sent;
  report?: EntryOf<'invoke'>['report'];
}

interface RawAnswer {
  status: number;
  headers: Headers;
  /** Undefined: there is none, or it is not JSON. */
  body: unknown;
}

const errorSchema = z.object({ error: z.looseObject({ code: z.string() }) });
const batchSchema = z.object({
  responses: z.array(
    z.object({
      id: z.string(),
      status: z.int(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.unknown(),
    }),
  ),
});

/** Requests of all callers are numbered in one row. */
let requests = 0;

/** A client of one API process, all of whose requests and answers are recorded. */
export class RecordedClient {
  readonly #recorder: Recorder;
  readonly #api: { name: string; url: string };
  readonly #caller: Caller;

  constructor(recorder: Recorder, api: { name: string; url: string }, caller: Caller) {
    this.#recorder = recorder;
    this.#api = api;
    this.#caller = caller;
  }

  create(sent: Sent): Promise<Outcome> {
    return this.#ask({ operation: 'create', sent }, 'POST', PATH, sent.body, createHeaders(sent));
  }

  /** Several creates in one request: each of them is recorded as one of its own. */
  async createBatch(sents: Sent[]): Promise<Outcome[]> {
    const asked = sents.map((sent): Asked => ({ operation: 'create', sent }));
    const numbers = asked.map((one) => this.#invoke(one));
    const body = {
      requests: sents.map((sent, index) => ({
        id: String(index),
        method: 'POST',
        url: '/security/securityActions',
        headers: { 'content-type': 'application/json', ...createHeaders(sent) },
        body: sent.body,
      })),
    };
    const answer = await this.#fetch('POST', 'beta/$batch', body, {});
    const parsed = 'status' in answer ? batchSchema.safeParse(answer.body) : undefined;
    return numbers.map((request, index) => {
      const item = parsed?.data?.responses.find(({ id }) => id === String(index));
      const one = asked[index]!;
      if (item) return this.#settle(request, one, { ...item, headers: new Headers(item.headers) });
      return this.#settle(request, one, answer);
    });
  }

  get(id: string): Promise<Outcome> {
    return this.#ask({ operation: 'get', actionId: id }, 'GET', `${PATH}/${id}`);
  }

  list(): Promise<Outcome> {
    return this.#ask({ operation: 'list' }, 'GET', `${PATH}?$top=50`);
  }

  cancel(id: string): Promise<Outcome> {
    const path = `${PATH}/${id}/cancelSecurityAction`;
    return this.#ask({ operation: 'cancel', actionId: id }, 'POST', path);
  }

  history(id: string): Promise<Outcome> {
    return this.#ask({ operation: 'history', actionId: id }, 'GET', `${PATH}/${id}/history`);
  }

  report(id: string, report: NonNullable<EntryOf<'invoke'>['report']>): Promise<Outcome> {
    return this.#ask({ operation: 'patch', actionId: id, report }, 'PATCH', `${PATH}/${id}`, {
      status: report.status,
      ...(report.attemptId !== null && { attemptId: report.attemptId }),
    });
  }

  delete(id: string): Promise<Outcome> {
    return this.#ask({ operation: 'delete', actionId: id }, 'DELETE', `${PATH}/${id}`);
  }

  async #ask(
    asked: Asked,
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Outcome> {
    const request = this.#invoke(asked);
    return this.#settle(request, asked, await this.#fetch(method, path, body, headers));
  }

  #invoke({ operation, actionId, sent, report = null }: Asked): number {
    requests += 1;
    this.#recorder.note<EntryOf<'invoke'>>({
      kind: 'invoke',
      request: requests,
      operation,
      tenant: this.#caller.tenant,
      app: this.#caller.app,
      api: this.#api.name,
      actionId: actionId ?? null,
      intent: sent?.intent ?? null,
      retryAttempt: sent?.retryAttempt ?? null,
      report,
    });
    return requests;
  }

  async #fetch(
    method: string,
    path: string,
    body: object | undefined,
    headers: Record<string, string>,
  ): Promise<RawAnswer | { reason: string }> {
    try {
      const response = await fetch(new URL(path, this.#api.url), {
        method,
        headers: {
          authorization: `Bearer ${this.#caller.token}`,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parsedJson(text) };
    } catch (error) {
      return { reason: reasonOf(error) };
    }
  }

  #settle(request: number, { operation }: Asked, answer: RawAnswer | { reason: string }): Outcome {
    if ('reason' in answer) {
      this.#recorder.note<EntryOf<'lost'>>({ kind: 'lost', request, reason: answer.reason });
      return { status: undefined, shown: [], retryAfterSeconds: null };
    }
    const { status, headers, body } = answer;
    const shown = shownIn(body);
    const retryAfter = headers.get('retry-after');
    const retryAfterSeconds = retryAfter === null ? null : Number(retryAfter);
    this.#recorder.note<EntryOf<'answer'>>({
      kind: 'answer',
      request,
      status,
      error: errorIn(body),
      retryAfterSeconds,
      cancelOutcome: headers.get('cancel-outcome') as EntryOf<'answer'>['cancelOutcome'],
      isReplay: headers.get('idempotency-replayed') === 'true',
      shown,
      isUnreadable: !(status < 400 ? READABLE[operation](body) : errorIn(body) !== null),
    });
    return { status, shown, retryAfterSeconds };
  }
}

function createHeaders({ intent, clientRequestId, retryAttempt }: Sent): Record<string, string> {
  return {
    'client-request-id': clientRequestId,
    ...(intent.idempotencyKey !== null && { 'idempotency-key': intent.idempotencyKey }),
    ...(retryAttempt !== null && { 'retry-attempt': String(retryAttempt) }),
  };
}

const listSchema = z.object({ value: z.array(shownActionSchema) });
const historySchema = z.object({ value: z.array(historyEntrySchema).min(1) });

/** What the body of an answer that is no error must show, by what was asked for. */
const READABLE: Record<Asked['operation'], (body: unknown) => boolean> = {
  create: (body) => shownActionSchema.safeParse(body).success,
  get: (body) => shownActionSchema.safeParse(body).success,
  patch: (body) => shownActionSchema.safeParse(body).success,
  list: (body) => listSchema.safeParse(body).success,
  history: (body) => historySchema.safeParse(body).success,
  // These answer without a body.
  cancel: () => true,
  delete: () => true,
};

/** The actions of an answer: itself, those of a list, or none. */
function shownIn(body: unknown): ShownAction[] {
  const list = listSchema.safeParse(body);
  if (list.success) return list.data.value;
  const one = shownActionSchema.safeParse(body);
  return one.success ? [one.data] : [];
}

function parsedJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Dates and ids of the request differ from answer to answer; nothing else may. */
function errorIn(body: unknown): EntryOf<'answer'>['error'] {
  const parsed = errorSchema.safeParse(body);
  if (!parsed.success) return null;
  const { innerError: _differs, ...same } = parsed.data.error;
  return { code: same.code, body: JSON.stringify(same) };
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const { code, name } = cause as { code?: unknown; name?: string };
  // The code of a DOMException, such as of a time-out, is a number that says nothing.
  return typeof code === 'string' ? code : (name ?? 'unknown');
}

import { createHash } from 'node:crypto';
import { EVENT_TYPES, type EventType } from '#domain/event';
import type { ResultInfo } from '#domain/security-action';
import { type Status, isTerminal } from '#domain/status';
import type { Entry, EntryOf, Intent, ShownAction } from '../history.ts';
import { check, formatViolation } from './check.ts';
import { RUN } from './run-entry.fixture.ts';

const STARTED_AT_MS = Date.parse(RUN.startedAt);
const PARTITIONS = 4;

type Step = EntryOf<'history'>['events'][number];
type Answer = EntryOf<'answer'>;

/** What of an answer is not as usual. */
export type AnswerDetails = Partial<Omit<Answer, 'kind' | 'atMs' | 'request' | 'error'>> & {
  error?: string;
};

interface BuiltAction {
  id: string;
  tenant: string;
  intent: Intent;
  partition: number;
  position: number;
  targetKey: string | null;
  steps: Step[];
  isDeleted: boolean;
  waitingFor: string | null;
  aliases: string[];
}

/** An id that is told from others at a glance. */
function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Writes the history of a run, step by step, as a recorder would: time passes with each step, and the rows at the end follow
 * from the events. What it is told to leave out or to say otherwise is the fault that a test plants.
 */
export class RunBuilder {
  readonly entries: Entry[] = [];
  readonly #actions = new Map<string, BuiltAction>();
  readonly #offsets = new Map<string, number>();
  #nowMs = 0;
  #requests = 0;
  #ids = 0;
  #marks = 0;

  constructor() {
    this.add<EntryOf<'run'>>(RUN);
  }

  /** Lets time pass. */
  pass(ms: number): this {
    this.#nowMs += ms;
    return this;
  }

  /** Writes an entry of which only the time is filled in. */
  add<E extends Entry>(entry: Omit<E, 'atMs'>): E {
    this.#nowMs += 10;
    const whole = { atMs: this.#nowMs, ...entry } as unknown as E;
    this.entries.push(whole);
    return whole;
  }

  intent(given: Partial<Intent> = {}): Intent {
    this.#marks += 1;
    return {
      mark: `m${this.#marks}`,
      provider: 'Acme/Strict',
      name: 'Isolate',
      target: null,
      idempotencyKey: null,
      isPrompt: true,
      ...given,
    };
  }

  newId(): string {
    this.#ids += 1;
    return idOf(this.#ids);
  }

  /** Sends a request; what became of it is for `answer` or `lose` to say. @returns its number */
  invoke(
    operation: EntryOf<'invoke'>['operation'],
    about: Partial<EntryOf<'invoke'>> = {},
  ): number {
    this.#requests += 1;
    this.add<EntryOf<'invoke'>>({
      kind: 'invoke',
      request: this.#requests,
      operation,
      tenant: 'tenant-a',
      app: 'app-1',
      api: 'api-1',
      actionId: null,
      intent: null,
      retryAttempt: null,
      report: null,
      ...about,
    });
    return this.#requests;
  }

  answer(request: number, status: number, { error, ...details }: AnswerDetails = {}): void {
    this.add<Answer>({
      kind: 'answer',
      request,
      status,
      error: error === undefined ? null : { code: error, body: `{"code":"${error}"}` },
      retryAfterSeconds: null,
      cancelOutcome: null,
      isReplay: false,
      shown: [],
      ...details,
    });
  }

  /** Its connection breaks, and so do all of clients for that moment. */
  lose(request: number): void {
    this.add<EntryOf<'lost'>>({ kind: 'lost', request, reason: 'reset' });
    this.disturb();
  }

  /** For a moment clients do not reach an API process; for a while they may feel it. */
  disturb(): this {
    const cut = { kind: 'fault', nemesis: 'cut', subject: 'client>api-1' } as const;
    this.entries.push({ ...cut, phase: 'begin', atMs: this.#nowMs - 1 });
    this.entries.push({ ...cut, phase: 'end', atMs: this.#nowMs });
    return this;
  }

  /** A create that is answered 201. @returns the id */
  created(given: Partial<Intent> = {}, about: Partial<EntryOf<'invoke'>> = {}): string {
    const intent = this.intent(given);
    const id = this.newId();
    const request = this.invoke('create', { intent, ...about });
    this.answer(request, 201, { shown: [this.notStarted(id, intent, about.tenant)] });
    this.store(id, intent, about.tenant);
    return id;
  }

  /** From here on there is a row, without a word of it on the topic: `event` of `created` says it. */
  store(id: string, intent: Intent, tenant = 'tenant-a'): void {
    const position = this.#actions.size + 1;
    const { provider, target } = intent;
    const targetKey = target === null ? null : `${tenant}/${provider}/${target}`;
    this.#actions.set(id, {
      id,
      tenant,
      intent,
      partition: position % PARTITIONS,
      position,
      targetKey,
      steps: [],
      isDeleted: false,
      waitingFor: null,
      aliases: [],
    });
  }

  /** It was accepted and no row came of it. */
  forget(id: string): void {
    this.#actions.delete(id);
  }

  /** What a row says at its end beside what follows from its events. */
  amend(
    id: string,
    amended: Partial<Pick<BuiltAction, 'position' | 'waitingFor' | 'aliases' | 'isDeleted'>>,
  ): void {
    Object.assign(this.#action(id), amended);
  }

  /** Events of an action: in its history, and on the topic. */
  events(id: string, ...types: (EventType | Partial<Step>)[]): void {
    for (const type of types) {
      const event = this.historyOnly(id, typeof type === 'string' ? { type } : type);
      this.topicOnly(id, event);
    }
  }

  historyOf(id: string): readonly Step[] {
    return this.#action(id).steps;
  }

  /** An event that the topic never gets. */
  historyOnly(id: string, given: Partial<Step>): Step {
    const { steps } = this.#action(id);
    const type = given.type ?? 'created';
    const before = steps.at(-1);
    const status: Status = EVENT_TYPES[type] ?? before?.status ?? 'NotStarted';
    const attempt = steps.filter((step) => step.type === 'attemptFailed').length + 1;
    const step: Step = {
      sequence: (before?.sequence ?? 0) + 1,
      dateTime: new Date(STARTED_AT_MS + this.#nowMs + 10).toISOString(),
      type,
      status,
      attempt: type === 'created' ? null : attempt,
      attemptId: null,
      errorInfo: type === 'cancelled' ? failure(1) : null,
      ...given,
    };
    steps.push(step);
    return step;
  }

  /** An event on the topic, once more or for the first time. */
  topicOnly(id: string, step: Step): void {
    const { tenant, partition, steps } = this.#action(id);
    this.add<EntryOf<'event'>>({
      kind: 'event',
      partition,
      offset: this.#offset(`events/${partition}`),
      id: `${id}/${step.sequence}`,
      sequence: step.sequence,
      type: step.type,
      dateTime: step.dateTime,
      tenant,
      action: this.shown(id, steps.slice(0, step.sequence)),
    });
  }

  /** A call to its product, and what the product did. */
  call(
    id: string,
    { acts = true, ...given }: Partial<EntryOf<'call'>> & { acts?: boolean } = {},
  ): EntryOf<'call'> {
    const { intent, tenant } = this.#action(id);
    const { provider, name = null, target, mark: clientContext } = intent;
    const attempt = given.attempt ?? 1;
    const attemptId = given.attemptId ?? `${id.slice(-2)}.${attempt}`;
    const call = this.add<EntryOf<'call'>>({
      kind: 'call',
      provider,
      question: 'act',
      actionId: id,
      attempt,
      attemptId,
      webhookId: attemptId,
      idempotencyKey: id,
      told: { name, target, tenant, clientContext },
      answered: 204,
      answeredAtMs: this.#nowMs + 20,
      said: null,
      ...given,
    });
    if (acts && call.question === 'act' && call.answered !== 503) this.effect(id, attemptId);
    return call;
  }

  effect(id: string, attemptId: string, isTakenBack = false): void {
    const { provider } = this.#action(id).intent;
    this.add<EntryOf<'effect'>>({ kind: 'effect', provider, actionId: id, attemptId, isTakenBack });
  }

  /** A life without trouble: stored, started, called, completed. */
  completes(id: string): void {
    this.events(id, 'created', 'started');
    this.call(id);
    this.events(id, 'completed');
  }

  produce(given: Partial<EntryOf<'produced'>> & { topic: 'requests' | 'reports' }): void {
    const partition = given.place?.partition ?? 0;
    const offset = this.#offset(`${given.topic}/${partition}`);
    const beganAtMs = this.#nowMs + 5;
    this.add<EntryOf<'produced'>>({
      kind: 'produced',
      beganAtMs,
      tenant: 'tenant-a',
      app: 'app-1',
      place: { partition, offset },
      valueHash: hashOf(`${given.topic}/${partition}/${offset}`),
      intent: null,
      report: null,
      poison: null,
      ...given,
    });
  }

  fault(phase: EntryOf<'fault'>['phase'], nemesis: string, subject: string): void {
    this.add<EntryOf<'fault'>>({ kind: 'fault', phase, nemesis, subject });
  }

  /** One request about an action, answered. */
  ask(
    operation: EntryOf<'invoke'>['operation'],
    id: string,
    { status = 200, by = 'tenant-a', ...details }: AnswerDetails & { by?: string } = {},
  ): void {
    const request = this.invoke(operation, { actionId: id, tenant: by });
    const shows = status === 200 && operation === 'get' && details.shown === undefined;
    this.answer(request, status, { ...(shows && { shown: [this.shown(id)] }), ...details });
  }

  notStarted(id: string, intent: Intent, tenant = 'tenant-a'): ShownAction {
    const now = new Date(STARTED_AT_MS + this.#nowMs).toISOString();
    return {
      id,
      azureTenantId: tenant,
      status: 'NotStarted',
      createdDateTime: now,
      lastActionDateTime: now,
      completedDateTime: null,
      errorInfo: null,
      clientContext: intent.mark,
      states: [{ status: 'NotStarted', updatedDateTime: now }],
    };
  }

  /** An action as it stands, or as it was after some of its events. */
  shown(id: string, steps = this.#action(id).steps): ShownAction {
    const { tenant, intent } = this.#action(id);
    const changes = steps.filter(({ type }) => EVENT_TYPES[type] !== null);
    const last = changes.at(-1);
    const isOver = last !== undefined && isTerminal(last.status);
    return {
      id,
      azureTenantId: tenant,
      status: last?.status ?? 'NotStarted',
      createdDateTime: steps[0]?.dateTime ?? null,
      lastActionDateTime: steps.at(-1)?.dateTime ?? null,
      completedDateTime: isOver ? last.dateTime : null,
      errorInfo: last?.status === 'Failed' ? last.errorInfo : null,
      clientContext: intent.mark,
      states: changes.map(({ status, dateTime: updatedDateTime }) => ({ status, updatedDateTime })),
    };
  }

  /** The rows and histories as they follow from the events, and the end. */
  finish(): Entry[] {
    if (this.entries.at(-1)?.kind === 'end') return this.entries;
    for (const action of this.#actions.values()) {
      const { id, intent, position, targetKey, steps, isDeleted, waitingFor, aliases } = action;
      const { provider } = intent;
      this.add<EntryOf<'history'>>({ kind: 'history', actionId: id, events: steps });
      this.add<EntryOf<'row'>>({
        kind: 'row',
        provider,
        targetKey,
        position,
        version: steps.length,
        isDeleted,
        waitingFor,
        aliases,
        action: this.shown(id),
      });
    }
    this.add<EntryOf<'end'>>({ kind: 'end', isQuiet: true });
    return this.entries;
  }

  #action(id: string): BuiltAction {
    const action = this.#actions.get(id);
    if (!action) throw new Error(`no row of ${id} was built`);
    return action;
  }

  #offset(partition: string): number {
    const offset = this.#offsets.get(partition) ?? 0;
    this.#offsets.set(partition, offset + 1);
    return offset;
  }
}

/** What the checker finds in a run, as it is printed. */
export function found(run: RunBuilder): string {
  return check(run.finish()).violations.map(formatViolation).join('\n\n');
}

/** The `errorInfo` of a Failed action. */
export function failure(code: number): ResultInfo {
  return { code, message: null, subcode: 0 };
}

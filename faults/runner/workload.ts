import { randomUUID } from 'node:crypto';
import { setTimeout as passed } from 'node:timers/promises';
import type { Issuer } from '../../test/support/issuer.ts';
import type { ShownAction } from '../history.ts';
import { inConcert } from './concert.ts';
import { Dice } from './dice.ts';
import { wish } from './intents.ts';
import { poisonOf } from './poison.ts';
import type { Owed, Product } from './product.ts';
import { type Caller, type Outcome, RecordedClient, type Sent } from './recorded-client.ts';
import type { RecordedTopics } from './recorded-topics.ts';
import type { Recorder } from './recorder.ts';

/** What the lanes of a run share. */
export interface Surroundings {
  seed: number;
  recorder: Recorder;
  topics: RecordedTopics;
  product: Product;
  issuer: Issuer;
  apis: readonly { name: string; url: string }[];
  /** Tells the marks of this run from those of others. */
  run: string;
}

/** The callers; tenants see none of each other, and the last is there to try that. */
const CALLERS = [
  { tenant: 'tenant-a', app: 'app-1' },
  { tenant: 'tenant-a', app: 'app-2' },
  { tenant: 'tenant-b', app: 'app-1' },
] as const;
const LANES = 12;
const PAUSE_MS = { min: 5, max: 80 };
/** Of what was created last: that is where things are still open. */
const RECENT = 40;
const RESENDS_MAX = 3;
const BURST = 60;

const OPERATIONS = {
  create: 30,
  createByMessage: 10,
  createUnderKey: 8,
  createBatch: 2,
  get: 14,
  list: 3,
  history: 3,
  cancel: 10,
  report: 14,
  delete: 2,
  stranger: 4,
  missing: 2,
  poison: 3,
  burst: 1,
} as const;

type OperationName = keyof typeof OPERATIONS;

/** Sends requests and messages until it is told to stop, several lanes at once. */
export class Workload {
  readonly #around: Surroundings;
  /** By tenant, what is known to be accepted, the newest last. */
  readonly #accepted = new Map<string, ShownAction[]>();
  #stopped = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** @returns when each lane has ended what it had begun, after `stop`. @throws the reason of the signal */
  async run(signal: AbortSignal): Promise<void> {
    const tokens = await Promise.all(CALLERS.map((caller) => this.#around.issuer.token(caller)));
    const lanes = Array.from({ length: LANES }, (_, index) => {
      const caller = {
        ...CALLERS[index % CALLERS.length]!,
        token: tokens[index % CALLERS.length]!,
      };
      return new Lane(this.#around, this.#accepted, caller, index);
    });
    await inConcert(
      lanes.map((lane) => (brokenOff) => this.#work(lane, brokenOff)),
      signal,
    );
  }

  stop(): void {
    this.#stopped = true;
  }

  async #work(lane: Lane, brokenOff: AbortSignal): Promise<void> {
    while (!this.#stopped && !brokenOff.aborted) {
      await lane.step();
      await passed(lane.dice.between(PAUSE_MS.min, PAUSE_MS.max));
    }
  }
}

/** One caller who does one thing after the other. */
class Lane {
  readonly dice: Dice;
  readonly #around: Surroundings;
  readonly #accepted: Map<string, ShownAction[]>;
  readonly #caller: Caller;
  readonly #clients: RecordedClient[];
  #keys = 0;

  constructor(
    around: Surroundings,
    accepted: Map<string, ShownAction[]>,
    caller: Caller,
    index: number,
  ) {
    this.#around = around;
    this.#accepted = accepted;
    this.#caller = caller;
    this.dice = new Dice(around.seed, index + 1);
    this.#clients = around.apis.map((api) => new RecordedClient(around.recorder, api, caller));
  }

  async step(): Promise<void> {
    await this.#operations[this.dice.weighted(OPERATIONS)]();
  }

  readonly #operations: Record<OperationName, () => Promise<unknown>> = {
    create: () => this.#create(sent(wish(this.dice, this.#around.run))),
    createByMessage: () => this.#createByMessage(),
    createUnderKey: () => this.#createUnderKey(),
    createBatch: async () => {
      const wishes = Array.from({ length: this.dice.between(2, 5) }, () =>
        sent(wish(this.dice, this.#around.run)),
      );
      for (const outcome of await this.#client.createBatch(wishes)) this.#remember(outcome);
    },
    get: () => this.#withKnown((id) => this.#client.get(id)),
    list: () => this.#client.list(),
    history: () => this.#withKnown((id) => this.#client.history(id)),
    cancel: () => this.#withKnown((id) => this.#client.cancel(id)),
    report: () => this.#report(),
    delete: () => this.#withKnown((id) => this.#client.delete(id)),
    stranger: () => this.#strange(),
    missing: () => this.#askAbout(randomUUID()),
    poison: () => this.#poison(),
    burst: () => this.#burst(),
  };

  get #client(): RecordedClient {
    return this.dice.pick(this.#clients);
  }

  /** As SDKs do it: what was lost, or is to be sent again, is sent again and says so. */
  async #create(first: Sent): Promise<void> {
    let outcome = await this.#client.create(first);
    for (let resend = 1; resend <= RESENDS_MAX && isOpen(outcome); resend += 1) {
      if (this.dice.chance(40)) return;
      await passed((outcome.retryAfterSeconds ?? 0) * 1000);
      outcome = await this.#client.create({ ...first, retryAttempt: resend });
    }
    this.#remember(outcome);
  }

  /** A key is used again for the same body, and sometimes for another. */
  async #createUnderKey(): Promise<void> {
    this.#keys += 1;
    const key = `${this.#around.run}-${this.#caller.app}-${this.dice.between(0, 1e6)}-${this.#keys}`;
    const first = sent(wish(this.dice, this.#around.run, { key }));
    const repeats = this.dice.between(1, 3);
    const asked = Array.from({ length: repeats }, () => this.#client.create(first));
    if (this.dice.chance(20)) {
      asked.push(this.#client.create(sent(wish(this.dice, this.#around.run, { key }))));
    }
    for (const outcome of await Promise.all(asked)) this.#remember(outcome);
    if (this.dice.chance(30)) await this.#client.create(first);
  }

  async #createByMessage(): Promise<void> {
    const { tenant, app, token } = this.#caller;
    const key = this.dice.chance(25)
      ? `${this.#around.run}-m-${this.dice.between(0, 1e9)}`
      : undefined;
    const { intent, body } = wish(this.dice, this.#around.run, key === undefined ? {} : { key });
    const message = {
      value: JSON.stringify(body),
      headers: {
        authorization: `Bearer ${token}`,
        ...(key !== undefined && { 'idempotency-key': key }),
      },
    };
    const times = key !== undefined && this.dice.chance(30) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      await this.#around.topics.produce('requests', message, { tenant, app, intent });
    }
  }

  /** What the product has taken over, or any action at all: early, twice, or after its end. */
  async #report(): Promise<unknown> {
    const owed = this.#takeOwed();
    if (!owed) return this.#withKnown((id) => this.#reportOf(id, null));
    await this.#reportOf(owed.actionId, owed.attemptId);
    if (this.dice.chance(15)) await this.#reportOf(owed.actionId, owed.attemptId);
    return undefined;
  }

  #takeOwed(): Owed | undefined {
    const { owed } = this.#around.product;
    const index = owed.findIndex(({ tenant }) => tenant === this.#caller.tenant);
    return index < 0 ? undefined : owed.splice(index, 1)[0];
  }

  async #reportOf(actionId: string, attemptId: string | null): Promise<void> {
    const status = this.dice.pick([
      'Completed',
      'Completed',
      'Completed',
      'Failed',
      'Running',
    ] as const);
    if (status !== 'Running') this.#around.product.concludes(actionId, attemptId, status);
    const { tenant, app, token } = this.#caller;
    if (this.dice.chance(50)) {
      await this.#client.report(actionId, { status, attemptId });
      return;
    }
    const message = {
      key: actionId,
      value: JSON.stringify({ id: actionId, status, ...(attemptId !== null && { attemptId }) }),
      headers: { authorization: `Bearer ${token}` },
    };
    const report = { actionId, status, attemptId };
    await this.#around.topics.produce('reports', message, { tenant, app, report });
  }

  async #poison(): Promise<void> {
    const foreign = this.#foreign();
    const { topic, message, code } = poisonOf(this.dice, this.#caller.token, foreign);
    const { tenant, app } = this.#caller;
    await this.#around.topics.produce(topic, message, { tenant, app, poison: code });
  }

  /** More readers of one new action than may wait in one process. */
  async #burst(): Promise<void> {
    const client = this.#client;
    const outcome = await client.create(sent(wish(this.dice, this.#around.run)));
    this.#remember(outcome);
    const [action] = outcome.shown;
    if (!action) return;
    await Promise.all(Array.from({ length: BURST }, () => client.get(action.id)));
  }

  async #strange(): Promise<void> {
    const id = this.#foreign();
    if (id !== undefined) await this.#askAbout(id);
  }

  async #askAbout(id: string): Promise<void> {
    const ask = this.dice.pick(['get', 'cancel', 'history', 'delete', 'report'] as const);
    if (ask === 'report') await this.#client.report(id, { status: 'Completed', attemptId: null });
    else await this.#client[ask](id);
  }

  async #withKnown(ask: (id: string) => Promise<unknown>): Promise<void> {
    const recent = this.#accepted.get(this.#caller.tenant)?.slice(-RECENT) ?? [];
    if (recent.length > 0) await ask(this.dice.pick(recent).id);
  }

  #foreign(): string | undefined {
    const others = [...this.#accepted].filter(([tenant]) => tenant !== this.#caller.tenant);
    const all = others.flatMap(([, actions]) => actions.slice(-RECENT));
    return all.length > 0 ? this.dice.pick(all).id : undefined;
  }

  #remember({ status, shown: [action] }: Outcome): void {
    if (status !== 201 || !action) return;
    const known = this.#accepted.get(this.#caller.tenant) ?? [];
    known.push(action);
    this.#accepted.set(this.#caller.tenant, known);
  }
}

function sent(made: ReturnType<typeof wish>): Sent {
  return { ...made, clientRequestId: randomUUID(), retryAttempt: null };
}

/** Whether it was accepted is not known, or not so. */
function isOpen({ status }: Outcome): boolean {
  return status === undefined || status === 429 || status === 503;
}

import type { Entry, EntryOf, Intent, ProviderTraits } from '../history.ts';

/* A history, put together by what belongs together. Everything a rule looks at comes from here, in order of time. */

/** One HTTP request and what became of it; neither `answer` nor `lost`: it was still open at the end. */
export interface Exchange {
  invoke: EntryOf<'invoke'>;
  answer: EntryOf<'answer'> | undefined;
  lost: EntryOf<'lost'> | undefined;
}

/** An exchange that was answered. */
export interface Answered extends Exchange {
  answer: EntryOf<'answer'>;
}

/** All that is known of one action. */
export interface ActionRecord {
  id: string;
  row: EntryOf<'row'> | undefined;
  history: EntryOf<'history'> | undefined;
  /** Requests that name it or an alias of it, and creates that were answered with one of these. */
  exchanges: Exchange[];
  calls: EntryOf<'call'>[];
  effects: EntryOf<'effect'>[];
  /** As they stand on the topic, repeats included. */
  events: EntryOf<'event'>[];
  /** Reports about it on Kafka. */
  reports: EntryOf<'produced'>[];
}

/** One intent, each time it was sent, and the actions that came of it. */
export interface IntentRecord {
  intent: Intent;
  tenant: string;
  app: string;
  sends: Exchange[];
  messages: EntryOf<'produced'>[];
  rows: EntryOf<'row'>[];
}

export interface FaultWindow {
  nemesis: string;
  subject: string;
  /** Certainly in force. Infinity: it was never undone. */
  fromMs: number;
  toMs: number;
  /** Possibly felt, by what it did itself. */
  feltFromMs: number;
  feltToMs: number;
  entries: EntryOf<'fault'>[];
}

export interface RunRecord {
  run: EntryOf<'run'>;
  /** Or else the run broke off: of what is missing nothing can be said. */
  isWhole: boolean;
  exchanges: Exchange[];
  actions: ReadonlyMap<string, ActionRecord>;
  intents: readonly IntentRecord[];
  produced: EntryOf<'produced'>[];
  events: EntryOf<'event'>[];
  samples: EntryOf<'sample'>[];
  strayCalls: EntryOf<'strayCall'>[];
  stalls: EntryOf<'stall'>[];
  faults: FaultWindow[];
  /** The stored action that an id is answered as: its own, or that of the first send. */
  rowOf(id: string): EntryOf<'row'> | undefined;
  providerOf(action: ActionRecord): ProviderTraits | undefined;
  /** What a stored action was made from; undefined when nobody asked for it. */
  intentOf(action: ActionRecord): IntentRecord | undefined;
  /** The dead letters of a message that was acknowledged. */
  lettersOf(message: EntryOf<'produced'>): EntryOf<'deadLetter'>[];
}

/**
 * Puts a history together. The order of its lines is of no account.
 * @throws Error when it does not say what was run
 */
export function recordOf(history: readonly Entry[]): RunRecord {
  const entries = history.toSorted((a, b) => a.atMs - b.atMs);
  const only = <Kind extends Entry['kind']>(kind: Kind) =>
    entries.filter((entry): entry is EntryOf<Kind> => entry.kind === kind);
  const [run] = only('run');
  if (!run) throw new Error('The history does not say what was run: it has no entry of kind run.');
  const rows = only('row');
  const exchanges = exchangesOf(only('invoke'), only('answer'), only('lost'));
  const produced = only('produced');
  const events = only('event').toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
  const stored = storedUnder(rows);
  const ownId = (id: string) => stored.get(id)?.action.id ?? id;
  const actions = actionsOf({ entries, events, rows, exchanges, produced, ownId });
  const letters = Map.groupBy(only('deadLetter'), ({ origin }) => placeOf(origin.topic, origin));
  const traits = new Map(run.providers.map((provider) => [provider.key, provider]));
  const intents = intentsOf(exchanges, produced, rows);
  return {
    run,
    isWhole: only('end').length > 0,
    exchanges,
    actions,
    intents: [...intents.values()],
    produced,
    events,
    samples: only('sample'),
    strayCalls: only('strayCall'),
    stalls: only('stall'),
    faults: faultsOf(only('fault')),
    rowOf: (id) => stored.get(id),
    providerOf: ({ row, calls, effects }) =>
      traits.get(row?.provider ?? calls[0]?.provider ?? effects[0]?.provider ?? ''),
    intentOf: ({ row }) => intents.get(row?.action.clientContext ?? ''),
    lettersOf: ({ topic, place }) => (place && letters.get(placeOf(topic, place))) ?? [],
  };
}

export function isAnswered(exchange: Exchange): exchange is Answered {
  return exchange.answer !== undefined;
}

/** When it was over, for its client: the answer, or the moment it was given up. */
export function overAtMs({ answer, lost }: Exchange): number {
  return answer?.atMs ?? lost?.atMs ?? Number.POSITIVE_INFINITY;
}

/** Its entries, as evidence. */
export function entriesOf({ invoke, answer, lost }: Exchange): Entry[] {
  return [invoke, answer, lost].filter((entry) => entry !== undefined);
}

/** The id that a create was answered with; undefined when it was not accepted, as far as its client knows. */
export function acceptedId({ invoke, answer }: Exchange): string | undefined {
  return invoke.operation === 'create' && answer?.status === 201 ? answer.shown[0]?.id : undefined;
}

function placeOf(topic: string, { partition, offset }: { partition: number; offset: number }) {
  return `${topic}/${partition}/${offset}`;
}

function storedUnder(rows: EntryOf<'row'>[]): Map<string, EntryOf<'row'>> {
  return new Map(
    rows.flatMap((row) => [row.action.id, ...row.aliases].map((id) => [id, row] as const)),
  );
}

function exchangesOf(
  invokes: EntryOf<'invoke'>[],
  answers: EntryOf<'answer'>[],
  losses: EntryOf<'lost'>[],
): Exchange[] {
  const answerOf = new Map(answers.map((answer) => [answer.request, answer]));
  const lossOf = new Map(losses.map((lost) => [lost.request, lost]));
  return invokes.map((invoke) => ({
    invoke,
    answer: answerOf.get(invoke.request),
    lost: lossOf.get(invoke.request),
  }));
}

function actionsOf(from: {
  entries: Entry[];
  events: EntryOf<'event'>[];
  rows: EntryOf<'row'>[];
  exchanges: Exchange[];
  produced: EntryOf<'produced'>[];
  /** What was said about an alias was said about its action. */
  ownId: (id: string) => string;
}): Map<string, ActionRecord> {
  const actions = new Map<string, ActionRecord>();
  const of = (asked: string): ActionRecord => {
    const id = from.ownId(asked);
    const known = actions.get(id) ?? emptyAction(id);
    actions.set(id, known);
    return known;
  };
  for (const row of from.rows) of(row.action.id).row = row;
  for (const event of from.events) of(event.action.id).events.push(event);
  for (const entry of from.entries) {
    if (entry.kind === 'call') of(entry.actionId).calls.push(entry);
    if (entry.kind === 'effect') of(entry.actionId).effects.push(entry);
    if (entry.kind === 'history') of(entry.actionId).history = entry;
  }
  for (const exchange of from.exchanges) {
    const id = exchange.invoke.actionId ?? acceptedId(exchange);
    if (id !== undefined) of(id).exchanges.push(exchange);
  }
  for (const message of from.produced) {
    if (message.report) of(message.report.actionId).reports.push(message);
  }
  return actions;
}

function emptyAction(id: string): ActionRecord {
  return {
    id,
    row: undefined,
    history: undefined,
    exchanges: [],
    calls: [],
    effects: [],
    events: [],
    reports: [],
  };
}

function intentsOf(
  exchanges: Exchange[],
  produced: EntryOf<'produced'>[],
  rows: EntryOf<'row'>[],
): Map<string, IntentRecord> {
  const intents = new Map<string, IntentRecord>();
  const of = (intent: Intent, tenant: string, app: string): IntentRecord => {
    const known = intents.get(intent.mark);
    if (known) return known;
    const made = { intent, tenant, app, sends: [], messages: [], rows: [] };
    intents.set(intent.mark, made);
    return made;
  };
  for (const exchange of exchanges) {
    const { intent, tenant, app } = exchange.invoke;
    if (intent) of(intent, tenant, app).sends.push(exchange);
  }
  for (const message of produced) {
    if (message.intent) of(message.intent, message.tenant, message.app).messages.push(message);
  }
  for (const row of rows) intents.get(row.action.clientContext ?? '')?.rows.push(row);
  return intents;
}

/** Of one thing one fault is made at a time, so what follows a beginning is its end. */
function faultsOf(entries: EntryOf<'fault'>[]): FaultWindow[] {
  const byFault = Map.groupBy(entries, ({ nemesis, subject }) =>
    JSON.stringify([nemesis, subject]),
  );
  return [...byFault.values()].flatMap((ofFault) =>
    ofFault.flatMap((begin, index) =>
      begin.phase === 'begin'
        ? [windowOf(begin, ofFault[index - 1], ofFault.slice(index + 1))]
        : [],
    ),
  );
}

function windowOf(
  begin: EntryOf<'fault'>,
  before: EntryOf<'fault'> | undefined,
  later: EntryOf<'fault'>[],
): FaultWindow {
  const { nemesis, subject, atMs: fromMs } = begin;
  const [end, over] = later;
  const toMs = end?.atMs ?? Number.POSITIVE_INFINITY;
  return {
    nemesis,
    subject,
    fromMs,
    toMs,
    feltFromMs: before?.phase === 'strike' ? before.atMs : fromMs,
    feltToMs: over?.phase === 'over' ? over.atMs : toMs,
    entries: [begin, ...(end ? [end] : [])],
  };
}

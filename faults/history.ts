import { z } from 'zod';
import { resultInfoSchema, securityActionSchema, stateSchema } from '#domain/security-action';
import { STATUSES } from '#domain/status';
import { historyEntrySchema } from '../apps/api/src/security-actions/history-entry.ts';

/*
 * What is recorded of a fault run: one JSON object a line, one declaration for each kind. One process records all of
 * it, so `atMs`, milliseconds of its monotonic clock since the run began, orders the entries of a file; their place in
 * the file says nothing. Nothing here depends on how the run was made: the checker needs the file and no more.
 */

/** A server ended by itself, of a fault that is over or not, and is started again: a fault that no nemesis makes. */
export const COLLAPSE = 'collapse';

const at = { atMs: z.number().nonnegative() };
const actionId = z.uuid();

/** An action as the API or an event shows it, as far as promises speak of it. */
export const shownActionSchema = z.object({
  ...securityActionSchema.pick({
    id: true,
    azureTenantId: true,
    status: true,
    createdDateTime: true,
    lastActionDateTime: true,
    completedDateTime: true,
  }).shape,
  errorInfo: resultInfoSchema.nullable(),
  /** Who made it. Absent: it was not recorded. */
  appId: securityActionSchema.shape.appId.optional(),
  /** The mark of the intent it was made from. */
  clientContext: z.string().nullable(),
  states: z.array(z.object(stateSchema.pick({ status: true, updatedDateTime: true }).shape)),
});

export type ShownAction = z.infer<typeof shownActionSchema>;

/** One wish to create, however often it is sent. */
const intentSchema = z.object({
  /** In `clientContext` of the body, so the action that came of it is known also when the answer was lost. */
  mark: z.string(),
  /** As the catalogue keys it: `vendor/provider`. */
  provider: z.string(),
  /** What is to be done. Absent: it was not recorded. */
  name: z.string().optional(),
  target: z.string().nullable(),
  idempotencyKey: z.string().nullable(),
  /** Nothing in it makes its product slow, silent or unwilling. */
  isPrompt: z.boolean(),
});

export type Intent = z.infer<typeof intentSchema>;

const reportSchema = z.object({ status: z.enum(STATUSES), attemptId: z.string().nullable() });

const providerSchema = z.object({
  key: z.string(),
  /** `webhook`: each call is recorded. `simulated`: only the effects are. */
  type: z.enum(['webhook', 'simulated']),
  idempotent: z.boolean(),
  cancel: z.boolean(),
  probe: z.boolean(),
  timeoutMs: z.number(),
  /** So many attempts it gets. Absent: that was not recorded. */
  attemptsMax: z.int().optional(),
});

export type ProviderTraits = z.infer<typeof providerSchema>;

/** What is promised in numbers, as the run was set up. */
const boundsSchema = z.object({
  /** A create is answered so soon, whatever is away (ACCEPT_TIMEOUT_MS). */
  acceptTimeoutMs: z.number(),
  /** A read or a cancel is answered so soon even if Postgres is away. */
  readTimeoutMs: z.number(),
  /** What a busy machine may add to a promised time. */
  marginMs: z.number(),
  /** So long after the end of a fault its consequences may still be felt. */
  recoveryMs: z.number(),
  /** A request that a product receives may have been under way so long. */
  stragglerMs: z.number(),
  /** What lies on `requests` when a create over HTTP is sent, and is stored so soon, was waited for (below REQUESTS_WAIT_MS). */
  requestsWaitMs: z.number(),
  /** What is not hindered ends so soon after it was accepted. */
  endInTimeMs: z.number(),
  rssBytesMax: z.number(),
});

const OPERATIONS = ['create', 'get', 'list', 'history', 'cancel', 'patch', 'delete'] as const;

const kinds = {
  /** The first entry: what was run, and what the rest is to be judged by. */
  run: z.strictObject({
    kind: z.literal('run'),
    ...at,
    seed: z.int(),
    seconds: z.number(),
    nemeses: z.array(z.string()),
    /** The wall clock at `atMs` 0, for what other processes dated. */
    startedAt: z.iso.datetime(),
    providers: z.array(providerSchema),
    bounds: boundsSchema,
  }),

  /** An HTTP request is sent. A request of a batch is one of these too. */
  invoke: z.strictObject({
    kind: z.literal('invoke'),
    ...at,
    request: z.int(),
    operation: z.enum(OPERATIONS),
    tenant: z.string(),
    app: z.string(),
    /** The process it goes to. */
    api: z.string(),
    /** What it is about; null for a create or a list. */
    actionId: actionId.nullable(),
    intent: intentSchema.nullable(),
    /** `Retry-Attempt`, of a create that says that it was sent before. */
    retryAttempt: z.int().nullable(),
    report: reportSchema.nullable(),
  }),

  /** Its answer came, whole. */
  answer: z.strictObject({
    kind: z.literal('answer'),
    ...at,
    request: z.int(),
    status: z.int(),
    /** The error's code, and the body without what differs from answer to answer: dates and request ids. */
    error: z.object({ code: z.string(), body: z.string() }).nullable(),
    retryAfterSeconds: z.number().nullable(),
    cancelOutcome: z.enum(['prevented', 'accepted']).nullable(),
    isReplay: z.boolean(),
    /** Every action it shows. */
    shown: z.array(shownActionSchema),
    /** It should show something, and what it says cannot be understood. Absent: that was not recorded. */
    isUnreadable: z.boolean().optional(),
  }),

  /** The connection broke or the client gave up: what became of the request is not known. */
  lost: z.strictObject({ kind: z.literal('lost'), ...at, request: z.int(), reason: z.string() }),

  /** A message was written to a public topic, by this recorder; `atMs` is when that was acknowledged or given up. */
  produced: z.strictObject({
    kind: z.literal('produced'),
    ...at,
    beganAtMs: z.number().nonnegative(),
    topic: z.enum(['requests', 'reports']),
    /** Of the token that it carries. */
    tenant: z.string(),
    app: z.string(),
    /** Null: not acknowledged, so it may be there or not. */
    place: z.object({ partition: z.int(), offset: z.int() }).nullable(),
    /** SHA-256 of the value, hex. */
    valueHash: z.string(),
    intent: intentSchema.nullable(),
    report: reportSchema.extend({ actionId }).nullable(),
    /** It is poison: the error code of the dead letter that it must become. */
    poison: z.string().nullable(),
  }),

  deadLetter: z.strictObject({
    kind: z.literal('deadLetter'),
    ...at,
    /** The topic without the prefix of the installation. */
    origin: z.object({ topic: z.string(), partition: z.int(), offset: z.int() }),
    code: z.string(),
    valueHash: z.string(),
  }),

  /** A product behind a webhook was called; `atMs` is when the call had arrived. */
  call: z.strictObject({
    kind: z.literal('call'),
    ...at,
    provider: z.string(),
    question: z.enum(['act', 'cancel', 'probe']),
    actionId,
    attempt: z.int(),
    attemptId: z.string(),
    webhookId: z.string(),
    idempotencyKey: z.string(),
    /** What the product was told to do, where and for whom. Absent: it was not recorded. */
    told: z
      .object({
        name: z.string().nullable(),
        target: z.string().nullable(),
        tenant: z.string().nullable(),
        clientContext: z.string().nullable(),
      })
      .optional(),
    /** The status that was sent back, and when; null: nothing was. */
    answered: z.int().nullable(),
    answeredAtMs: z.number().nullable(),
    /** What the answer said of the action, if anything. */
    said: z.enum(STATUSES).nullable(),
  }),

  /** A product was called in a way that it cannot take for a call of ours: not signed, or of another form. */
  strayCall: z.strictObject({
    kind: z.literal('strayCall'),
    ...at,
    path: z.string(),
    reason: z.string(),
  }),

  /** A product acted, or took back what it had done. */
  effect: z.strictObject({
    kind: z.literal('effect'),
    ...at,
    provider: z.string(),
    actionId,
    attemptId: z.string(),
    isTakenBack: z.boolean(),
  }),

  /** A message of the events topic, each time it is there. */
  event: z.strictObject({
    kind: z.literal('event'),
    ...at,
    partition: z.int(),
    offset: z.int(),
    id: z.string(),
    ...historyEntrySchema.pick({ sequence: true, type: true, dateTime: true }).shape,
    tenant: z.string(),
    action: shownActionSchema,
  }),

  /**
   * A fault is certainly in force from `begin`, when it was made, to `end`, when it is going to be undone; it may be felt
   * from `strike`, when it is going to be made, to `over`, when it was undone and a process serves again, and a while longer.
   */
  fault: z.strictObject({
    kind: z.literal('fault'),
    ...at,
    phase: z.enum(['strike', 'begin', 'end', 'over']),
    nemesis: z.string(),
    /** What it befalls: `kafka`, `postgres`, `api-1`, `provider:<key>`, or a link such as `worker-1>postgres`. */
    subject: z.string(),
    /** At `end`, how much it has done: connections broken or refused, parts swallowed or delayed, processes struck. */
    hits: z.int().nonnegative().optional(),
  }),

  /** A process of the product ended although no fault had ended it. */
  ended: z.strictObject({
    kind: z.literal('ended'),
    ...at,
    process: z.string(),
    /** It was being started, after a fault or an end by itself, and did not serve yet. Absent: that was not recorded. */
    isStarting: z.boolean().optional(),
  }),

  /** A process of the product that served was asked to end in good order, and has; it is killed when it takes far too long. */
  stopped: z.strictObject({
    kind: z.literal('stopped'),
    ...at,
    process: z.string(),
    tookMs: z.number(),
    /** What it is promised to take at most. */
    withinMs: z.number(),
    code: z.int().nullable(),
    /** What ended it, if it did not do so itself. */
    signal: z.string().nullable(),
  }),

  sample: z.strictObject({
    kind: z.literal('sample'),
    ...at,
    process: z.string(),
    rssBytes: z.number(),
  }),

  /** The recorder itself did not get to run since `fromMs`: this machine is too busy to tell what is late. */
  stall: z.strictObject({ kind: z.literal('stall'), ...at, fromMs: z.number().nonnegative() }),

  /** After the run: a row of the database. */
  row: z.strictObject({
    kind: z.literal('row'),
    ...at,
    provider: z.string(),
    targetKey: z.string().nullable(),
    /** In the order of acceptance. */
    position: z.int(),
    version: z.int(),
    isDeleted: z.boolean(),
    waitingFor: z.string().nullable(),
    /** Ids of resends that are answered as this action. */
    aliases: z.array(actionId),
    action: shownActionSchema,
  }),

  /** After the run: what `/history` says of one action. */
  history: z.strictObject({
    kind: z.literal('history'),
    ...at,
    actionId,
    events: z.array(
      z.object(
        historyEntrySchema.pick({
          sequence: true,
          dateTime: true,
          type: true,
          status: true,
          attempt: true,
          attemptId: true,
          errorInfo: true,
        }).shape,
      ),
    ),
  }),

  /** The last entry: everything that there is was recorded. */
  end: z.strictObject({
    kind: z.literal('end'),
    ...at,
    /** Nothing was under way any more; or else it was not waited for any longer. */
    isQuiet: z.boolean(),
    /** What was still under way, a phrase each. Absent: that was not recorded. */
    left: z.array(z.string()).optional(),
  }),
};

const entrySchema = z.discriminatedUnion('kind', [
  kinds.run,
  kinds.invoke,
  kinds.answer,
  kinds.lost,
  kinds.produced,
  kinds.deadLetter,
  kinds.call,
  kinds.strayCall,
  kinds.effect,
  kinds.event,
  kinds.fault,
  kinds.ended,
  kinds.stopped,
  kinds.sample,
  kinds.stall,
  kinds.row,
  kinds.history,
  kinds.end,
]);

export type Entry = z.infer<typeof entrySchema>;
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { kind: Kind }>;

/** What follows the last line break was cut off when it was written. @throws Error that names the line, when one is not an entry */
export function parseHistory(text: string): Entry[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, index + 1)]));
}

function parseLine(line: string, number: number): Entry {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new Error(`line ${number} is not JSON`);
  }
  const parsed = entrySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`line ${number} is no entry: ${issue?.path.join('.')}: ${issue?.message}`);
}

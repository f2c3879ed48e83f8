import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { type SecurityAction, resultInfoSchema } from '#domain/security-action';
import type { Attempt, Finding, Outcome, Provider } from './provider.ts';

/*
 * What the engine relies on in every provider, whatever its product: docs/providers.md says how to run these on a new
 * one. Each guarantee is a check by itself, so that the kit can be tested with providers that break it.
 */

/** What a product may do with a call, and what the provider has to make of it. */
const BEHAVIOURS = {
  acts: { kinds: ['completed'], effects: 1 },
  refuses: { kinds: ['failed'], effects: 0 },
  doesNothingYet: { kinds: ['notDone'], effects: 0 },
  isAway: { kinds: ['unavailable'], effects: 0 },
  takesOver: { kinds: ['accepted'], effects: undefined },
  actsButDoesNotSay: { kinds: ['mayHaveActed'], effects: 1 },
  talksNonsense: { kinds: ['mayHaveActed'], effects: undefined },
  /** Acts, and leaves the call open. */
  neverAnswers: { kinds: ['mayHaveActed'], effects: 1 },
} as const satisfies Record<string, { kinds: Outcome['kind'][]; effects: number | undefined }>;

export type Behaviour = keyof typeof BEHAVIOURS;

/** A provider with a product behind it, as one check uses them. */
export interface Subject {
  provider: Provider;
  /** An action that this product deals with in the way that was asked for. */
  action: SecurityAction;
  /** How many effects the product has had and not taken back, by its own count. */
  effects: () => number;
}

/** What the kit needs to know of a provider: how to make its product behave. What a product cannot do is left out. */
export interface Harness {
  capabilities: { cancel: boolean; probe: boolean };
  products: Partial<Record<Behaviour, () => Promise<Subject>>> &
    (
      | Record<'acts' | 'refuses', () => Promise<Subject>>
      | Record<'takesOver', () => Promise<Subject>>
    );
}

export interface Guarantee {
  title: string;
  check: (harness: Harness) => Promise<void>;
}

/** How long a provider may take to come back once it is told to: the engine waits no longer for its word. */
const RETURN_MS_MAX = 1000;
const MESSAGE_LENGTH_MAX = 1000;
const DAY_MS = 86_400_000;

const never = new AbortController().signal;
const attemptOf = (number = 1): Attempt => ({
  id: crypto.randomUUID(),
  number,
  targetKey: null,
});

/** Runs every guarantee on a provider, as tests. */
export function describeConformance(name: string, harness: Harness): void {
  describe(`${name}, as every provider,`, () => {
    it.each(GUARANTEES.map(({ title, check }) => [title, check] as const))(
      '%s',
      async (_title, expectKept) => expectKept(harness),
    );
  });
}

export const GUARANTEES: readonly Guarantee[] = [
  ...(Object.keys(BEHAVIOURS) as Behaviour[])
    .filter((behaviour) => behaviour !== 'neverAnswers')
    .map((behaviour) => ({
      title: `returns the right outcome when its product ${inWords(behaviour)}`,
      check: (harness: Harness) => checkOutcome(harness, behaviour),
    })),
  { title: 'returns soon after the signal, and no sooner without an answer', check: checkSignal },
  { title: 'returns soon when the signal came before the call', check: checkLateSignal },
  { title: 'keeps calls at the same time apart', check: checkConcurrency },
  { title: 'takes any action that is accepted, and leaves it as it is', check: checkOddActions },
  { title: 'can cancel and probe exactly if its entry says so', check: checkCapabilities },
  { title: 'takes a call under way back only if it says so', check: checkCancelUnderWay },
  { title: 'never says of what is done that it was taken back', check: checkCancelOfDone },
  { title: 'changes nothing by a probe, and tells the truth in it', check: checkProbe },
  { title: 'returns soon from a question whose signal has fired', check: checkQuestionSignal },
  { title: 'answers calls after it was closed, and does not pretend', check: checkClose },
];

/** A product that does what it is told: at once, or, if it only takes things over, later. */
function willing(products: Harness['products']): Promise<Subject> {
  return (products.acts ?? products.takesOver)!();
}

async function checkOutcome({ products }: Harness, behaviour: Behaviour): Promise<void> {
  const subject = await products[behaviour]?.();
  if (!subject) return;
  const expected = BEHAVIOURS[behaviour];
  const outcome = await subject.provider.execute(subject.action, attemptOf(), never);
  expectWellFormed(outcome);
  expect(expected.kinds).toContain(outcome.kind);
  if (expected.effects !== undefined) expect(subject.effects()).toBe(expected.effects);
}

async function checkSignal({ products }: Harness): Promise<void> {
  const subject = await products.neverAnswers?.();
  if (!subject) return;
  const { provider, action, effects } = subject;
  const deadline = new AbortController();
  const answer = provider.execute(action, attemptOf(), deadline.signal);
  await vi.waitFor(() => expect(effects()).toBe(1));
  expect(await Promise.race([answer, nextTurn('pending')])).toBe('pending');
  deadline.abort(new Error('no answer in time'));
  const outcome = await inTime(answer);
  expectWellFormed(outcome);
  expectTrue(outcome, effects());
  expect(outcome.kind).not.toBe('completed');
}

async function checkLateSignal({ products }: Harness): Promise<void> {
  for (const product of [products.acts, products.neverAnswers]) {
    const subject = await product?.();
    if (!subject) continue;
    const { provider, action, effects } = subject;
    const late = AbortSignal.abort(new Error('too late'));
    const outcome = await inTime(provider.execute(action, attemptOf(), late));
    expectWellFormed(outcome);
    expectTrue(outcome, effects());
  }
}

async function checkConcurrency({ products }: Harness): Promise<void> {
  const { provider, action, effects } = await willing(products);
  const actions = Array.from({ length: 20 }, () => ({ ...action, id: crypto.randomUUID() }));
  const outcomes = await Promise.all(
    actions.map((each) => provider.execute(each, attemptOf(), never)),
  );
  for (const { kind } of outcomes) expect(['completed', 'accepted']).toContain(kind);
  expect(effects()).toBe(actions.length);
}

async function checkOddActions({ products }: Harness): Promise<void> {
  const odd: Partial<SecurityAction>[] = [
    { name: null, vendorInformation: null, azureTenantId: null, appId: null },
    { clientContext: 'ü\u{1f512}\ud800', actionReason: '"\r\n\\' },
    { ...(JSON.parse('{"__proto__":{"id":"x"},"custom":[[[{}]]]}') as object) },
    {
      parameters: Array.from({ length: 100 }, (_, n) => ({
        name: `p${n}`,
        value: 'x'.repeat(500),
      })),
    },
  ];
  for (const more of odd) {
    const { provider, action, effects } = await willing(products);
    const given = { ...action, ...more };
    // It is what events about the action are made of afterwards.
    const before = JSON.stringify(given);
    const outcome = await provider.execute(given, attemptOf(), never);
    expect(JSON.stringify(given)).toBe(before);
    expectWellFormed(outcome);
    expectTrue(outcome, effects());
  }
}

async function checkCapabilities({ capabilities, products }: Harness): Promise<void> {
  const { provider } = await willing(products);
  const has = {
    cancel: typeof provider.cancel === 'function',
    probe: typeof provider.probe === 'function',
  };
  expect(has).toEqual({ cancel: capabilities.cancel, probe: capabilities.probe });
}

async function checkCancelUnderWay({ products }: Harness): Promise<void> {
  const subject = await products.neverAnswers?.();
  if (!subject?.provider.cancel) return;
  const { provider, action, effects } = subject;
  const deadline = new AbortController();
  const attempt = attemptOf();
  const answer = provider.execute(action, attempt, deadline.signal);
  await vi.waitFor(() => expect(effects()).toBe(1));
  const finding = await subject.provider.cancel(action, attempt, never);
  expectFindingTrue(finding, effects());
  deadline.abort(new Error('no answer in time'));
  const outcome = await inTime(answer);
  if (finding.kind === 'known' && finding.status === 'Failed') {
    expect(outcome.kind).not.toBe('completed');
    expect(effects()).toBe(0);
  }
}

async function checkCancelOfDone({ products }: Harness): Promise<void> {
  const { provider, action, effects } = await willing(products);
  if (!provider.cancel) return;
  const attempt = attemptOf();
  await provider.execute(action, attempt, never);
  expectFindingTrue(await provider.cancel(action, attempt, never), effects());
}

async function checkProbe({ products }: Harness): Promise<void> {
  for (const product of Object.values(products)) {
    const { provider, action, effects } = await product();
    if (!provider.probe) return;
    const attempt = attemptOf();
    const deadline = AbortSignal.timeout(100);
    await provider.execute(action, attempt, deadline);
    const before = effects();
    const finding = await provider.probe(action, attempt, never);
    expectFindingTrue(finding, before);
    expect(await provider.probe(action, attempt, never)).toEqual(finding);
    expect(effects()).toBe(before);
  }
}

async function checkQuestionSignal({ products }: Harness): Promise<void> {
  const { provider, action } = await willing(products);
  const late = AbortSignal.abort(new Error('too late'));
  const findings = [
    provider.cancel?.(action, attemptOf(), late),
    provider.probe?.(action, attemptOf(), late),
  ];
  for (const finding of findings) if (finding) expectFindingWellFormed(await inTime(finding));
}

async function checkClose({ products }: Harness): Promise<void> {
  const { provider, action, effects } = await willing(products);
  await provider.close?.();
  const outcome = await inTime(provider.execute(action, attemptOf(), never));
  expectWellFormed(outcome);
  expectTrue(outcome, effects());
}

/** Completed only if it acted; not done, however it is called, only if it did not. */
function expectTrue({ kind }: Outcome, effects: number): void {
  if (kind === 'completed') expect(effects).toBeGreaterThan(0);
  if (['failed', 'notDone', 'unavailable'].includes(kind)) expect(effects).toBe(0);
}

function expectFindingTrue(finding: Finding, effects: number): void {
  expectFindingWellFormed(finding);
  if (finding.kind !== 'known') return;
  if (finding.status === 'Completed') expect(effects).toBeGreaterThan(0);
  if (finding.status === 'Failed') expect(effects).toBe(0);
}

function expectWellFormed(outcome: Outcome): void {
  if (outcome.kind === 'failed') {
    resultInfoSchema.parse(outcome.errorInfo);
    expectMessage(outcome.errorInfo.message ?? '-');
  }
  if ('reason' in outcome) {
    expectMessage(outcome.reason);
    expect(Number.isInteger(outcome.subcode ?? 0)).toBe(true);
  }
  if ('retryAfterMs' in outcome) {
    expect(outcome.retryAfterMs).toBeGreaterThanOrEqual(0);
    expect(outcome.retryAfterMs).toBeLessThanOrEqual(DAY_MS);
  }
}

function expectFindingWellFormed(finding: Finding): void {
  if (finding.kind !== 'known') return expectMessage(finding.reason);
  resultInfoSchema.nullable().parse(finding.errorInfo);
  expectMessage(finding.errorInfo?.message ?? '-');
  if (finding.status !== 'Failed') expect(finding.errorInfo).toBeNull();
}

/** It goes into Postgres and to clients. */
function expectMessage(text: string): void {
  expect(text).not.toBe('');
  expect(text.length).toBeLessThanOrEqual(MESSAGE_LENGTH_MAX);
  expect(text.isWellFormed() && !text.includes('\u0000')).toBe(true);
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`no return within ${RETURN_MS_MAX} ms`);
    timer = setTimeout(reject, RETURN_MS_MAX, error);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** `doesNothingYet` → `does nothing yet`. */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

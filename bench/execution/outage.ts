import { randomBytes } from 'node:crypto';
import type { Services } from '../../dev/stack.ts';
import type { System } from '../../test/support/system.ts';
import { act, withSystem } from './bench-system.ts';
import { createSteadily } from './load.ts';
import { type Ends, ended } from './measure.ts';
import { type Absence, Product } from './product.ts';
import { type Answer, duration, ratio } from '../table.ts';

const PER_SECOND = 10;
const ATTEMPTS_MAX = 10;
const WAIT_SECONDS_MAX = 300;

export interface OutageSize {
  /** Before the outage, and after it. */
  aroundSeconds: number;
  outageSeconds: number;
}

/** Everything that is asked of one provider, by name; the one that stays is not away at all. */
const PROVIDERS: Record<string, Absence | null> = {
  Steady: null,
  Refusing: 'refuses',
  Hanging: 'hangs',
};
const NAMES = Object.keys(PROVIDERS);

type Phase = 'before' | 'during' | 'after';
type Phases<T> = Record<Phase, Map<string, T>>;

/** What an outage of two providers does to a third, and what becomes of their own actions. */
export async function outage(services: Services, size: OutageSize): Promise<Answer> {
  const products = new Map<string, Product>();
  for (const name of NAMES) products.set(name, await Product.start());
  try {
    const entries = [...products].map(([name, product]) => [name, entryOf(product)]);
    const setup = {
      providers: Object.fromEntries(entries),
      env: { BENCH_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('base64')}` },
    };
    const { ends, cameBackAtMs } = await withSystem(services, setup, (system) =>
      measure(system, products, size),
    );
    return answer(size, ends, cameBackAtMs);
  } finally {
    await Promise.all([...products.values()].map((product) => product.stop()));
  }
}

function entryOf({ url }: Product) {
  return {
    type: 'webhook',
    url,
    secretEnv: 'BENCH_WEBHOOK_SECRET',
    capabilities: { idempotent: true },
    retry: { attemptsMax: ATTEMPTS_MAX },
  };
}

async function measure(system: System, products: Map<string, Product>, size: OutageSize) {
  const client = await system.client();
  const create = async (seconds: number) => {
    const load = { count: seconds * PER_SECOND, perSecond: PER_SECOND };
    const ids = await Promise.all(
      NAMES.map((name) => createSteadily(client, load, () => act(name, {}))),
    );
    return new Map(NAMES.map((name, index) => [name, ids[index]!]));
  };
  const absences = NAMES.flatMap((name) => {
    const absence = PROVIDERS[name];
    return absence ? [{ product: products.get(name)!, absence }] : [];
  });

  await create(2); // Warms up: not counted.
  const before = await create(size.aroundSeconds);
  // What is under way when a product leaves would count as before and end like the rest.
  for (const ids of before.values()) await ended(system, ids, WAIT_SECONDS_MAX);
  await Promise.all(absences.map(({ product, absence }) => product.leave(absence)));
  const during = await create(size.outageSeconds);
  await Promise.all(absences.map(({ product }) => product.comeBack()));
  const cameBackAtMs = Date.now();
  const after = await create(size.aroundSeconds);

  const ends: Phases<Ends> = { before: new Map(), during: new Map(), after: new Map() };
  for (const [phase, ids] of Object.entries({ before, during, after })) {
    for (const [name, ofProvider] of ids) {
      ends[phase as Phase].set(name, await ended(system, ofProvider, WAIT_SECONDS_MAX));
    }
  }
  return { ends, cameBackAtMs };
}

function answer(size: OutageSize, ends: Phases<Ends>, cameBackAtMs: number): Answer {
  const steady = ends.before.get('Steady')!.latency;
  const rows = Object.entries(ends).map(([phase, ofPhase]) => {
    const [{ latency }, refusing, hanging] = NAMES.map((name) => ofPhase.get(name)!) as [
      Ends,
      Ends,
      Ends,
    ];
    return [
      phase,
      `${duration(latency.p50)} (${ratio(latency.p50, steady.p50)})`,
      `${duration(latency.p99)} (${ratio(latency.p99, steady.p99)})`,
      ...[refusing, hanging].flatMap(({ latency: own }) => [duration(own.p50), duration(own.p99)]),
    ];
  });
  const notes = NAMES.filter((name) => PROVIDERS[name] !== null).map((name) => {
    const { lastEndedAtMs } = ends.during.get(name)!;
    const count = size.outageSeconds * PER_SECOND;
    const failed = Object.values(ends).reduce((sum, phase) => sum + phase.get(name)!.failed, 0);
    return (
      `${name}: ${count} actions accepted while it was away; the last of them ended ` +
      `${duration(lastEndedAtMs - cameBackAtMs)} after it came back. Failed, of all: ${failed}.`
    );
  });
  return {
    title: 'What does an outage of one provider do to another?',
    setup:
      `Three webhooks, each given ${PER_SECOND} actions a second, which they do at once. Two are away at the same time, for ` +
      `${size.outageSeconds} s: one refuses connections, one takes them and never answers. They bear repeats; ` +
      `attemptsMax ${ATTEMPTS_MAX}, all else by default. Measured from accepted to its end, by when it was accepted.`,
    header: [
      'Accepted',
      'Steady p50 (to before)',
      'p99 (to before)',
      'Refusing p50',
      'p99',
      'Hanging p50',
      'p99',
    ],
    rows,
    notes,
  };
}

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Status } from '#domain/status';
import { actionWith } from './action.fixture.ts';
import { type Dispatched, KafkaProvider } from './kafka.provider.ts';
import { Product, type Received, answers, webhookTo } from './product.fixture.ts';
import {
  type Behaviour,
  GUARANTEES,
  type Harness,
  type Subject,
  describeConformance,
} from './provider-conformance.fixture.ts';
import { providerEntry } from './provider-entry.fixture.ts';
import type { Finding, Outcome, Provider } from './provider.ts';
import { SimulatedProvider } from './simulated.provider.ts';

/** What is undone after each test, the last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

type Answer = Parameters<typeof Product.http>[0];

describeConformance('the simulated provider', simulated(true));
describeConformance('the strict simulated provider', simulated(false));
describeConformance('a webhook that can be asked', webhook(true));
describeConformance('a webhook that can only be called', webhook(false));
describeConformance('a Kafka provider', topic());

function simulated(isCapable: boolean): Harness {
  const capabilities = { idempotent: false, cancel: isCapable, probe: isCapable };
  const steered = (parameters: Record<string, string>) => (): Promise<Subject> => {
    const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
    undo.push(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'effects.jsonl');
    const effects = () => {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      const taken = text.lastIndexOf('"takenBack":true');
      return [...text.slice(taken + 1).matchAll(/"attempt":/g)].length;
    };
    const provider = new SimulatedProvider(file, capabilities);
    return Promise.resolve({ provider, action: actionWith(parameters), effects });
  };
  return {
    capabilities,
    products: {
      acts: steered({}),
      refuses: steered({ outcome: 'Failed' }),
      doesNothingYet: steered({ failAttempts: '1' }),
      actsButDoesNotSay: steered({ outcome: 'Unknown' }),
      neverAnswers: steered({ outcome: 'Stall' }),
    },
  };
}

/** A receiver that counts what it did, takes it back on a cancel if it has not answered, and tells a probe. */
class Receiver {
  effects = 0;
  status = 'NotStarted';

  answerTo(request: Received, behaviour: Answer): Answer {
    if (request.path.endsWith('/probe')) return answers(200, { status: this.status });
    if (!request.path.endsWith('/cancel')) return behaviour;
    if (this.status !== 'Completed') [this.effects, this.status] = [0, 'Failed'];
    return answers(200, { status: this.status });
  }

  act(status: string): void {
    this.effects += 1;
    this.status = status;
  }
}

function webhook(canBeAsked: boolean): Harness {
  const behaving = (behaviour: (receiver: Receiver) => Answer) => async (): Promise<Subject> => {
    const receiver = new Receiver();
    const product = await Product.http((response, request) =>
      receiver.answerTo(request, behaviour(receiver))(response, request),
    );
    undo.push(() => product.stop());
    return subject(product.url(), () => receiver.effects);
  };
  const subject = (url: string, effects: () => number): Subject => {
    const questions = { cancelUrl: `${url}/cancel`, probeUrl: `${url}/probe` };
    const provider = webhookTo(url, canBeAsked ? questions : {});
    undo.push(() => provider.close());
    return { provider, action: actionWith(), effects };
  };
  return {
    capabilities: { cancel: canBeAsked, probe: canBeAsked },
    products: {
      acts: behaving((receiver) => (response) => {
        receiver.act('Completed');
        response.writeHead(204).end();
      }),
      refuses: behaving((receiver) => {
        receiver.status = 'Failed';
        return answers(422, { message: 'no such host' });
      }),
      doesNothingYet: behaving(() => answers(503)),
      isAway: async () => subject(await Product.away(), () => 0),
      takesOver: behaving(() => answers(202)),
      actsButDoesNotSay: behaving((receiver) => (response) => {
        receiver.act('Completed');
        response.destroy();
      }),
      talksNonsense: behaving(() => answers(200, '<html>')),
      neverAnswers: behaving((receiver) => () => receiver.act('Running')),
    },
  };
}

/** A topic, whose messages are the effects. */
function topic(): Harness {
  const behaving =
    (dispatched: Promise<Dispatched>, isWritten: boolean) => (): Promise<Subject> => {
      let effects = 0;
      const entry = { ...providerEntry(), type: 'kafka' } as const;
      const provider = new KafkaProvider(entry, () => {
        if (isWritten) effects += 1;
        return dispatched;
      });
      return Promise.resolve({ provider, action: actionWith(), effects: () => effects });
    };
  const fate = (name: 'notWritten' | 'unknown') =>
    Promise.resolve<Dispatched>({ fate: name, reason: 'Kafka is not available.' });
  return {
    capabilities: { cancel: false, probe: false },
    products: {
      takesOver: behaving(Promise.resolve({ fate: 'written' }), true),
      isAway: behaving(fate('notWritten'), false),
      actsButDoesNotSay: behaving(fate('unknown'), true),
      neverAnswers: behaving(new Promise(() => undefined), true),
    },
  };
}

/** A provider that does everything right, but for what a test breaks. */
class Exemplar implements Provider {
  effects = 0;
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  async execute(...[, , signal]: Parameters<Provider['execute']>): Promise<Outcome> {
    if (this.#behaviour === 'refuses') return failed('no');
    this.effects += 1;
    if (this.#behaviour === 'neverAnswers') await fired(signal);
    return this.#behaviour === 'acts'
      ? { kind: 'completed' }
      : { kind: 'mayHaveActed', reason: 'x' };
  }

  async probe(): Promise<Finding> {
    const status = { acts: 'Completed', neverAnswers: 'Running', refuses: 'Failed' } as const;
    return Promise.resolve(known(status[this.#behaviour as keyof typeof status]));
  }

  async cancel(): Promise<Finding> {
    if (this.#behaviour === 'neverAnswers') this.effects = 0;
    return Promise.resolve(known(this.#behaviour === 'acts' ? 'Completed' : 'Failed'));
  }
}

function failed(message: string): Outcome {
  return { kind: 'failed', errorInfo: { code: 4, message, subcode: 0 } };
}

function known(status: Status): Finding {
  return { kind: 'known', status, errorInfo: null };
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

function harnessOf(make: (behaviour: Behaviour) => Exemplar): Harness {
  const product = (behaviour: Behaviour) => (): Promise<Subject> => {
    const provider = make(behaviour);
    return Promise.resolve({ provider, action: actionWith(), effects: () => provider.effects });
  };
  const products = {
    acts: product('acts'),
    refuses: product('refuses'),
    neverAnswers: product('neverAnswers'),
  };
  return { capabilities: { cancel: true, probe: true }, products };
}

describe('the conformance kit', () => {
  it.each(GUARANTEES.map(({ title, check }) => [title, check] as const))(
    'lets a provider pass that %s',
    async (_title, check) => {
      await expect(
        check(harnessOf((behaviour) => new Exemplar(behaviour))),
      ).resolves.toBeUndefined();
    },
  );

  it.each<[string, string, string, (exemplar: Exemplar) => Partial<Provider>]>([
    [
      'calls a refusal Completed',
      'returns the right outcome when its product refuses',
      "to include 'completed'",
      () => ({ execute: async () => Promise.resolve({ kind: 'completed' }) }),
    ],
    [
      'throws what its product did',
      'returns the right outcome when its product refuses',
      'refused',
      () => ({ execute: async () => Promise.reject(new Error('refused')) }),
    ],
    [
      'calls Completed what it did not send',
      'returns the right outcome when its product acts',
      'expected +0 to be 1',
      () => ({ execute: async () => Promise.resolve({ kind: 'completed' }) }),
    ],
    [
      'has endless messages',
      'returns the right outcome when its product refuses',
      'expected 1001 to be less than or equal to 1000',
      () => ({ execute: async () => Promise.resolve(failed('x'.repeat(1001))) }),
    ],
    [
      'does not heed the signal',
      'returns soon after the signal, and no sooner without an answer',
      'no return within 1000 ms',
      (exemplar) => ({
        execute: () => {
          exemplar.effects += 1;
          return new Promise(() => undefined);
        },
      }),
    ],
    [
      'does not wait for its product',
      'returns soon after the signal, and no sooner without an answer',
      "to be 'pending'",
      (exemplar) => ({
        execute: async () => {
          exemplar.effects += 1;
          return Promise.resolve({ kind: 'mayHaveActed', reason: 'x' });
        },
      }),
    ],
    [
      'calls not done what it cannot know',
      'returns soon after the signal, and no sooner without an answer',
      'expected 1 to be +0',
      (exemplar) => ({
        execute: async (_action, _attempt, signal) => {
          exemplar.effects += 1;
          await fired(signal);
          return { kind: 'notDone', reason: 'x' };
        },
      }),
    ],
    [
      'does not heed a signal that has fired',
      'returns soon when the signal came before the call',
      'no return within 1000 ms',
      () => ({ execute: () => new Promise(() => undefined) }),
    ],
    [
      'lacks the cancel that its entry claims',
      'can cancel and probe exactly if its entry says so',
      'expected { cancel: false',
      () => ({ cancel: undefined }),
    ],
    [
      'says that it took back what stands',
      'never says of what is done that it was taken back',
      'expected 1 to be +0',
      () => ({ cancel: async () => Promise.resolve(known('Failed')) }),
    ],
    [
      'says of a call under way that it was taken back, and lets it act',
      'takes a call under way back only if it says so',
      'expected 1 to be +0',
      () => ({ cancel: async () => Promise.resolve(known('Failed')) }),
    ],
    [
      'says Completed of what was refused',
      'changes nothing by a probe, and tells the truth in it',
      'expected 0 to be greater than 0',
      () => ({ probe: async () => Promise.resolve(known('Completed')) }),
    ],
    [
      'acts when it is only asked',
      'changes nothing by a probe, and tells the truth in it',
      'expected 3 to be 1',
      (exemplar) => ({
        probe: async () => {
          exemplar.effects += 1;
          return Promise.resolve(known('Running'));
        },
      }),
    ],
    [
      'hangs in a question',
      'returns soon from a question whose signal has fired',
      'no return within 1000 ms',
      () => ({ probe: () => new Promise(() => undefined) }),
    ],
    [
      'throws once it is closed',
      'answers calls after it was closed, and does not pretend',
      'closed',
      () => ({ execute: async () => Promise.reject(new Error('closed')) }),
    ],
    [
      'answers for calls that it did not make',
      'keeps calls at the same time apart',
      'expected +0 to be 20',
      () => ({ execute: async () => Promise.resolve({ kind: 'completed' }) }),
    ],
    [
      'cannot bear an odd action',
      'takes any action that is accepted, and leaves it as it is',
      'no name',
      () => ({
        execute: async ({ name }) =>
          name === null
            ? Promise.reject(new Error('no name'))
            : Promise.resolve({ kind: 'accepted' }),
      }),
    ],
    [
      'changes what it is given',
      'takes any action that is accepted, and leaves it as it is',
      'to be',
      (exemplar) => ({
        execute: async (action) => {
          action.parameters.length = 0;
          exemplar.effects += 1;
          return Promise.resolve({ kind: 'completed' });
        },
      }),
    ],
  ])('stops one that %s', async (_liar, title, message, breaking) => {
    const { check } = GUARANTEES.find((each) => each.title === title)!;
    const lying = harnessOf((behaviour) => {
      const exemplar = new Exemplar(behaviour);
      return Object.assign(exemplar, breaking(exemplar));
    });
    await expect(check(lying)).rejects.toThrow(message);
  });
});

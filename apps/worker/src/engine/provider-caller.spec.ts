import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Registry } from 'prom-client';
import { expect, it, vi } from 'vitest';
import { Settings } from '#config/settings';
import { Catalogue } from '#providers/catalogue';
import type { Finding, Provider } from '#providers/provider';
import { providerEntry } from '#providers/provider-entry.fixture';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { Providers } from '../providers.ts';
import { Circuits } from './circuits.ts';
import { holdingOf } from './claim.fixture.ts';
import { ProviderCaller } from './provider-caller.ts';

const entry = providerEntry();

function circuitsOf(): Circuits {
  return new Circuits({ CIRCUIT_FAILURES_MAX: 5, CIRCUIT_OPEN_MS: 1000 } as Settings);
}

function callerOf(execute: Provider['execute'], registry = new Registry()): ProviderCaller {
  return new ProviderCaller(
    new Providers(new Map([['Acme/Firewall', { execute }]])),
    circuitsOf(),
    new ActionMetrics(registry, new Catalogue([entry])),
  );
}

/** Acts until it is told to stop, and says why it did. */
const heeding: Provider['execute'] = (_action, _attempt, signal) =>
  new Promise((resolve) => {
    const stop = () => resolve({ kind: 'notDone', reason: (signal.reason as Error).message });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });

it('ends calls when the worker must stop, those under way and those that begin afterwards', async () => {
  const caller = callerOf(heeding);
  const underWay = [caller.execute(holdingOf()), caller.execute(holdingOf())];
  caller.abort();
  const outcomes = await Promise.all([...underWay, caller.execute(holdingOf())]);
  const stopped = { kind: 'notDone', reason: 'The worker is stopping.' };
  expect(outcomes).toEqual([stopped, stopped, stopped]);
});

it('ends the calls for what was lost, and no other', async () => {
  const caller = callerOf(heeding);
  const [lost, kept] = [holdingOf(), holdingOf()];
  const outcomes = [caller.execute(lost), caller.execute(kept)];
  lost.lost.abort(new Error('taken over'));
  const takenOver = { kind: 'notDone', reason: 'taken over' };
  expect(await outcomes[0]).toEqual(takenOver);
  expect(await caller.execute(lost)).toEqual(takenOver);
  caller.abort();
  expect(await outcomes[1]).toEqual({ kind: 'notDone', reason: 'The worker is stopping.' });
});

it('begins no call that is to be cancelled, says nothing against its provider, and still asks about it', async () => {
  const mayBegin: unknown[] = [];
  const circuits = circuitsOf();
  const note = vi.spyOn(circuits, 'note');
  const caller = new ProviderCaller(
    new Providers(
      new Map([
        [
          'Acme/Firewall',
          {
            // As over a connection that came late.
            execute: (_action, attempt) => {
              holding.cancelWanted = true;
              mayBegin.push(attempt.mayBegin?.());
              return Promise.resolve({ kind: 'unavailable', reason: 'no longer its turn' });
            },
            cancel: (_action, attempt) => {
              mayBegin.push(attempt.mayBegin?.());
              return Promise.resolve({ kind: 'known', status: 'NotStarted', errorInfo: null });
            },
          } satisfies Provider,
        ],
      ]),
    ),
    circuits,
    new ActionMetrics(new Registry(), new Catalogue([entry])),
  );
  const capabilities = { idempotent: true, cancel: true, probe: false };
  const holding = holdingOf({ entry: providerEntry({ capabilities }) });
  await caller.execute(holding);
  expect(note).not.toHaveBeenCalled();
  await caller.cancel(holding);
  expect(mayBegin).toEqual([false, true]);
});

it.each([
  ['nothing', undefined],
  ['a kind that there is not', { kind: 'done' }],
  ['a kind of another question', { kind: 'known' }],
])('takes %s for an answer from which nothing can be concluded', async (_what, answer) => {
  const registry = new Registry();
  const caller = callerOf(() => Promise.resolve(answer as never), registry);
  await expect(caller.execute(holdingOf())).resolves.toMatchObject({ kind: 'mayHaveActed' });
  const inFlight = await registry
    .getSingleMetric('security_actions_provider_calls_in_flight')
    ?.get();
  expect(inFlight?.values.map(({ value }) => value)).toEqual([0]);
});

it('leaves a provider alone whose calls hang, however well it answers questions about them', async () => {
  const circuits = circuitsOf();
  const caller = new ProviderCaller(
    new Providers(
      new Map([
        [
          'Acme/Firewall',
          {
            execute: () => Promise.resolve({ kind: 'mayHaveActed', reason: 'no answer in time' }),
            probe: () =>
              Promise.resolve({ kind: 'known', status: 'NotStarted', errorInfo: null } as const),
          } satisfies Provider,
        ],
      ]),
    ),
    circuits,
    new ActionMetrics(new Registry(), new Catalogue([entry])),
  );
  const holding = holdingOf({
    entry: providerEntry({ capabilities: { idempotent: true, cancel: false, probe: true } }),
  });
  for (let call = 0; call < 5; call += 1) {
    await caller.execute(holding);
    await caller.probe(holding);
  }
  expect(circuits.isOpen('Acme/Firewall')).toBe(true);
});

it.each<Finding>([
  { kind: 'unanswered', reason: 'no answer in time' },
  { kind: 'unavailable', reason: 'connection refused' },
])('leaves a provider alone that does not answer questions: %j', async (finding) => {
  const circuits = circuitsOf();
  const probing: Provider = {
    execute: () => Promise.resolve({ kind: 'accepted' }),
    probe: () => Promise.resolve(finding),
  };
  const caller = new ProviderCaller(
    new Providers(new Map([['Acme/Firewall', probing]])),
    circuits,
    new ActionMetrics(new Registry(), new Catalogue([entry])),
  );
  const holding = holdingOf({
    entry: providerEntry({ capabilities: { idempotent: true, cancel: false, probe: true } }),
  });
  for (let call = 0; call < 5; call += 1) await caller.probe(holding);
  expect(circuits.isOpen('Acme/Firewall')).toBe(true);
});

it('keeps nothing of a call in memory once it has ended, however long the worker lives', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const signals: WeakRef<AbortSignal>[] = [];
  const caller = callerOf((_action, _attempt, signal) => {
    signals.push(new WeakRef(signal));
    return Promise.resolve({ kind: 'completed' });
  });
  await caller.execute(holdingOf());
  await vi.waitFor(() => {
    collectGarbage();
    expect(signals.map((signal) => signal.deref() !== undefined)).toEqual([false]);
  });
  expect(caller.isAborted).toBe(false);
});

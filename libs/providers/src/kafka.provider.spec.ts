import { describe, expect, it } from 'vitest';
import { dispatchId } from '#domain/ids';
import { ATTEMPT, actionWith } from './action.fixture.ts';
import type { KafkaEntry } from './kafka-entry.ts';
import { type Dispatch, type Dispatched, KafkaProvider } from './kafka.provider.ts';
import { providerEntry } from './provider-entry.fixture.ts';
import type { Attempt, Outcome } from './provider.ts';

const never = new AbortController().signal;
const entry: KafkaEntry = { ...providerEntry({ provider: 'Host Guard' }), type: 'kafka' };

describe('the Kafka provider', () => {
  const dispatched: Dispatch[] = [];
  const telling = (fate: Promise<Dispatched>) =>
    new KafkaProvider(entry, (dispatch) => {
      dispatched.push(dispatch);
      return fate;
    });
  const execute = (provider: KafkaProvider, more: Partial<Attempt> = {}, signal = never) =>
    provider.execute(actionWith(), { ...ATTEMPT, ...more }, signal);

  it('says on the topic of its entry what is to be done, under the key of the target', async () => {
    const provider = telling(Promise.resolve({ fate: 'written' }));
    await expect(execute(provider, { targetKey: 'target' })).resolves.toEqual({ kind: 'accepted' });
    const { topic, key, value } = dispatched.at(-1)!;
    expect([topic, key]).toEqual(['dispatch.host-guard', 'target']);
    expect(JSON.parse(value)).toEqual({
      action: actionWith(),
      attempt: 2,
      attemptId: dispatchId('tenant', actionWith().id),
    });
  });

  it('keys an action without a target by its id, and calls each dispatch by the same attempt id', async () => {
    const provider = telling(Promise.resolve({ fate: 'written' }));
    await execute(provider, { id: 'one', number: 1 });
    await execute(provider, { id: 'two', number: 2 });
    const [one, two] = dispatched.slice(-2);
    expect(one!.key).toBe(actionWith().id);
    const idOf = ({ value }: Dispatch) => (JSON.parse(value) as { attemptId: string }).attemptId;
    expect(idOf(one!)).toBe(idOf(two!));
  });

  it.each<[Dispatched, Outcome]>([
    [
      { fate: 'notWritten', reason: 'Kafka is not available.' },
      { kind: 'unavailable', reason: 'Kafka is not available.' },
    ],
    [
      { fate: 'unknown', reason: 'not acknowledged' },
      { kind: 'mayHaveActed', reason: 'not acknowledged' },
    ],
  ])('makes of %j the outcome %j', async (fate, outcome) => {
    await expect(execute(telling(Promise.resolve(fate)))).resolves.toEqual(outcome);
  });

  it('says that the message may be on the topic when the deadline comes before the answer', async () => {
    const deadline = new AbortController();
    const outcome = execute(telling(new Promise(() => undefined)), {}, deadline.signal);
    deadline.abort();
    await expect(outcome).resolves.toMatchObject({ kind: 'mayHaveActed' });
  });

  it('writes nothing once the deadline has passed', async () => {
    const before = dispatched.length;
    const late = execute(telling(Promise.resolve({ fate: 'written' })), {}, AbortSignal.abort());
    await expect(late).resolves.toMatchObject({ kind: 'unavailable' });
    expect(dispatched).toHaveLength(before);
  });
});

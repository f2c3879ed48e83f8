import { afterEach, describe, expect, it, vi } from 'vitest';
import { inParallel } from '../support/in-parallel.ts';
import { randomNumbers } from '../support/random.ts';
import { type End, WebhookSystem } from '../support/webhook-system.ts';

const TARGETS = 200;
const INTENTS = 20;
const WORKERS = 4;

describe('the order on a target', () => {
  let running: WebhookSystem;
  afterEach(() => running?.stop());

  it(`is kept for ${INTENTS} contrary intents on each of ${TARGETS} targets by ${WORKERS} workers, at a product that fails a fifth and hangs at times, and nothing is done twice`, async () => {
    running = await WebhookSystem.start(
      () => ({ Strict: { timeoutMs: 1500, concurrencyMax: 64 } }),
      // A product that hangs at times is meant to be called on.
      { workers: WORKERS, env: { CIRCUIT_FAILURES_MAX: '1000' } },
    );
    const { system, receiver } = running;
    const client = await system.client();
    const random = randomNumbers(20_261_125);
    const answersOf = () => {
      const chance = random();
      if (chance < 0.02) return 'hang';
      return chance < 0.22 ? '503,204' : '204';
    };
    const targets = Array.from({ length: TARGETS }, (_, number) => `host-${number}`);
    const ids = await inParallel(targets, 16, async (target) => {
      const ofTarget: string[] = [];
      for (let intent = 0; intent < INTENTS; intent += 1) {
        const name = intent % 2 === 0 ? 'Isolate' : 'Release';
        const parameters = { target, answers: answersOf() };
        ofTarget.push(await client.created(running.action('Strict', parameters, name)));
      }
      return ofTarget;
    });
    await vi.waitFor(
      async () => {
        const { Completed = 0, Failed = 0 } = await system.statuses();
        expect(Completed + Failed).toBe(TARGETS * INTENTS);
      },
      { timeout: 240_000, interval: 500 },
    );

    const ends = await running.ends();
    for (const ofTarget of ids) {
      const rows = ofTarget.map((id) => ends.get(id)!);
      expect(rows.map(({ position }) => position)).toEqual(sorted(rows));
      expect(new Set(rows.map(({ target }) => target)).size).toBe(1);
      expect(startedTooEarly(rows)).toEqual([]);
      const arrivals = receiver.calls.filter(({ action }) => ofTarget.includes(action.id));
      expect(inOrderOfFirst(arrivals.map(({ action }) => action.id))).toEqual(ofTarget);
    }
    // A 503 says that nothing was done; every other arrival is an effect.
    const effects = receiver.calls.filter(({ action, attempt }) => {
      const answers = action.parameters.find(({ name }) => name === 'answers')!.value!.split(',');
      return answers[attempt - 1] !== '503';
    });
    const effectsOf = Map.groupBy(effects, ({ action }) => action.id);
    expect([...effectsOf.values()].every((ofAction) => ofAction.length === 1)).toBe(true);
    const completed = [...ends.values()].filter(({ status }) => status === 'Completed');
    expect(completed.filter(({ id }) => !effectsOf.has(id))).toEqual([]);
    const unknown = [...ends.values()].filter(({ status }) => status === 'Failed');
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown.every(({ code }) => code === 3)).toBe(true);
  }, 400_000);
});

function sorted(rows: End[]): number[] {
  return rows.map(({ position }) => position).toSorted((a, b) => a - b);
}

/** Those that started before the one before them had ended. */
function startedTooEarly(rows: End[]): string[] {
  return rows
    .filter((row, index) => index > 0 && row.started! < rows[index - 1]!.ended!)
    .map(({ id }) => id);
}

function inOrderOfFirst(ids: string[]): string[] {
  return [...new Set(ids)];
}

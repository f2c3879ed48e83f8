import { appendFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FAILURE_CODES } from '#domain/errors';
import type { SecurityAction } from '#domain/security-action';
import type { Attempt, Outcome, Provider } from './provider.ts';

/** Beyond this a timer of Node fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * A product that does nothing but say so: for trying things, for tests and for rehearsals. Parameters of an
 * action steer it; without them it completes at once. Each effect is one line of the effects file, written
 * at the moment a real product would act, so that effects can be counted from outside.
 */
export class SimulatedProvider implements Provider {
  readonly #effectsFile: string | undefined;

  constructor(effectsFile: string | undefined) {
    this.#effectsFile = effectsFile;
  }

  async execute(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Outcome> {
    const steering = steeringOf(action);
    if (attempt.number <= steering.failAttempts) {
      return { kind: 'notDone', reason: `simulated failure of attempt ${attempt.number}` };
    }
    if (steering.outcome === 'Failed') {
      const errorInfo = { code: FAILURE_CODES.providerRejected, message: 'simulated', subcode: 0 };
      return { kind: 'failed', errorInfo };
    }
    await this.#act(action, attempt);
    try {
      if (steering.outcome === 'Stall') await untilAborted(signal);
      if (steering.delayMs > 0) await delay(steering.delayMs, undefined, { signal });
    } catch {
      return { kind: 'mayHaveActed', reason: 'no answer within the deadline' };
    }
    if (steering.outcome === 'Unknown') return { kind: 'mayHaveActed', reason: 'simulated' };
    return { kind: 'completed' };
  }

  async #act(action: SecurityAction, attempt: Attempt): Promise<void> {
    if (this.#effectsFile === undefined) return;
    const effect = {
      actionId: action.id,
      attemptId: attempt.id,
      attempt: attempt.number,
      vendor: action.vendorInformation?.vendor,
      provider: action.vendorInformation?.provider,
      name: action.name,
      dateTime: new Date().toISOString(),
    };
    await appendFile(this.#effectsFile, `${JSON.stringify(effect)}\n`);
  }
}

function steeringOf(action: SecurityAction) {
  const values = new Map(action.parameters.map(({ name, value }) => [name.toLowerCase(), value]));
  return {
    outcome: values.get('outcome') ?? 'Completed',
    delayMs: Math.min(Number(values.get('delayms') ?? 0), TIMER_MS_MAX),
    failAttempts: Number(values.get('failattempts') ?? 0),
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

import { appendFile, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FAILURE_CODES } from '#domain/errors';
import { isoText } from '#domain/iso-text';
import type { SecurityAction } from '#domain/security-action';
import { ShortLivedSet } from '#domain/short-lived';
import { type Status, isTerminal } from '#domain/status';
import type { Attempt, Finding, Outcome, Provider } from './provider.ts';
import type { Capabilities } from './provider-fields.ts';
import { traceHeaders } from './trace-headers.ts';

/** Beyond this a timer of Node fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const REFUSAL = { code: FAILURE_CODES.providerRejected, message: 'simulated', subcode: 0 };

/** A call that has acted and not answered yet. */
interface Call {
  actionId: string;
  /** Fires when a cancel takes it back. */
  readonly takeBack: AbortController;
  /** The effect is in the file, and what took it back too. */
  written: Promise<void>;
}

/**
 * A product that does nothing but say so: for trying things, for tests and for rehearsals. Parameters of an
 * action steer it; without them it completes at once. Each effect is one line of the effects file, written
 * at the moment a real product would act, so that effects can be counted from outside; a later line with
 * `takenBack` says that those of its action stand no more.
 *
 * It remembers the calls that are under way here. Of any other attempt it says what the parameters told that attempt to do,
 * unless the effects file, which all workers share, shows that none has acted.
 */
export class SimulatedProvider implements Provider {
  readonly cancel: Provider['cancel'];
  readonly probe: Provider['probe'];
  readonly #effectsFile: string | undefined;
  readonly #calls = new ShortLivedSet<Call>();

  constructor(effectsFile: string | undefined, capabilities: Capabilities) {
    this.#effectsFile = effectsFile;
    if (capabilities.cancel) this.cancel = (action, attempt) => this.#cancel(action, attempt);
    if (capabilities.probe) this.probe = (action, attempt) => this.#probe(action, attempt);
  }

  async execute(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Outcome> {
    const steering = steeringOf(action);
    if (attempt.number <= steering.failAttempts) {
      return { kind: 'notDone', reason: `simulated failure of attempt ${attempt.number}` };
    }
    if (steering.outcome === 'Failed') return { kind: 'failed', errorInfo: REFUSAL };
    const takeBack = new AbortController();
    const written = this.#write(effectOf(action, attempt));
    const call: Call = { actionId: action.id, takeBack, written };
    this.#calls.add(call);
    try {
      await call.written;
      const isTimely = await answered(steering, [signal, takeBack.signal]);
      if (takeBack.signal.aborted) {
        await call.written;
        return { kind: 'notDone', reason: 'taken back by a cancel' };
      }
      if (!isTimely) return { kind: 'mayHaveActed', reason: 'no answer within the deadline' };
    } finally {
      this.#calls.delete(call);
    }
    if (steering.outcome === 'Unknown') return { kind: 'mayHaveActed', reason: 'simulated' };
    return { kind: 'completed' };
  }

  /** Works while nothing has ended: on what is under way, what stalls, and what did nothing yet. What is done is done. */
  async #cancel(action: SecurityAction, attempt: Attempt): Promise<Finding> {
    if (this.#callsOf(action).length === 0) {
      const state = await this.#stateOf(action, attempt);
      if (isTerminal(state)) return finding(state);
    }
    const calls = this.#callsOf(action);
    const written = Promise.all(calls.map((call) => call.written)).then(() =>
      this.#write({ actionId: action.id, attemptId: attempt.id, takenBack: true }),
    );
    for (const call of calls) {
      call.written = written;
      call.takeBack.abort();
    }
    await written;
    return finding('Failed', 'taken back');
  }

  async #probe(action: SecurityAction, attempt: Attempt): Promise<Finding> {
    const isUnderWay = this.#callsOf(action).length > 0;
    return finding(isUnderWay ? 'Running' : await this.#stateOf(action, attempt));
  }

  /** What became of an attempt that is not under way here, by what it was told to do. */
  async #stateOf(action: SecurityAction, attempt: Attempt): Promise<Status> {
    const { failAttempts, outcome } = steeringOf(action);
    if (attempt.number <= failAttempts) return 'NotStarted';
    if (outcome === 'Failed') return 'Failed';
    // The worker that it was given to may have ended before it called.
    if (!(await this.#hasActed(action.id))) return 'NotStarted';
    return outcome === 'Stall' ? 'Running' : 'Completed';
  }

  /** Whether an effect of the action stands. Without a file there is nothing that could say no. */
  async #hasActed(actionId: string): Promise<boolean> {
    if (this.#effectsFile === undefined) return true;
    await using file = await open(this.#effectsFile, 'a+');
    let last = '';
    for await (const line of file.readLines({ start: 0 })) if (line.includes(actionId)) last = line;
    return last !== '' && !last.includes('"takenBack":true');
  }

  #callsOf(action: SecurityAction): Call[] {
    return [...this.#calls].filter(({ actionId }) => actionId === action.id);
  }

  async #write(line: object): Promise<void> {
    if (this.#effectsFile === undefined) return;
    const dated = { ...line, dateTime: isoText(new Date()) };
    await appendFile(this.#effectsFile, `${JSON.stringify(dated)}\n`);
  }
}

function effectOf(action: SecurityAction, attempt: Attempt): object {
  return {
    actionId: action.id,
    attemptId: attempt.id,
    attempt: attempt.number,
    vendor: action.vendorInformation?.vendor,
    provider: action.vendorInformation?.provider,
    name: action.name,
    ...traceHeaders(),
  };
}

function finding(status: Status, message = REFUSAL.message): Finding {
  return { kind: 'known', status, errorInfo: status === 'Failed' ? { ...REFUSAL, message } : null };
}

/** Waits as long as the parameters say; false if it was not let. */
async function answered({ outcome, delayMs }: Steering, signals: AbortSignal[]): Promise<boolean> {
  const stalls = outcome === 'Stall';
  if (!stalls && !(delayMs > 0)) return true;
  const signal = AbortSignal.any(signals);
  try {
    if (stalls) await untilAborted(signal);
    if (delayMs > 0) await delay(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

interface Steering {
  outcome: string;
  delayMs: number;
  failAttempts: number;
}

function steeringOf(action: SecurityAction): Steering {
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

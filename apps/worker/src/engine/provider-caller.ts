import { Injectable, Logger } from '@nestjs/common';
import { ShortLivedSet } from '#domain/short-lived';
import type { Attempt, Finding, Outcome } from '#providers/provider';
import { ActionMetrics, type Call } from '../metrics/action-metrics.ts';
import { Providers } from '../providers.ts';
import { ask } from './ask.ts';
import { traceCall } from './attempt-trace.ts';
import { type Asked, Circuits } from './circuits.ts';
import type { Holding } from './holdings.ts';

/** A call starts only if its lease has at least this long to go: time enough to be renewed. */
const LEASE_LEFT_MS_MIN = 500;

/** What there is to answer: a provider that answers something else has failed. */
const OUTCOMES: Record<Outcome['kind'], true> = {
  completed: true,
  failed: true,
  accepted: true,
  notDone: true,
  unavailable: true,
  mayHaveActed: true,
};
const FINDINGS: Record<Finding['kind'], true> = {
  known: true,
  unavailable: true,
  unanswered: true,
};

const UNANSWERED: ReadonlySet<Outcome['kind']> = new Set(['unavailable', 'mayHaveActed']);

/** Talks to providers: under a deadline, and whatever they do, what comes back is a value. */
@Injectable()
export class ProviderCaller {
  readonly #logger = new Logger(ProviderCaller.name);
  readonly #providers: Providers;
  readonly #circuits: Circuits;
  readonly #metrics: ActionMetrics;
  readonly #stopping = new AbortController();
  readonly #underWay = new ShortLivedSet<AbortController>();

  constructor(providers: Providers, circuits: Circuits, metrics: ActionMetrics) {
    this.#providers = providers;
    this.#circuits = circuits;
    this.#metrics = metrics;
  }

  /** From now on every call is given up: the process must end. */
  abort(): void {
    const reason = new Error('The worker is stopping.');
    this.#stopping.abort(reason);
    for (const call of this.#underWay) call.abort(reason);
  }

  get isAborted(): boolean {
    return this.#stopping.signal.aborted;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** A process that was stopped for a while must not start a call that another has taken over. */
  mayCall({ leaseEndsAtMs, lost }: Holding): boolean {
    if (this.isAborted || lost.signal.aborted) return false;
    return leaseEndsAtMs - performance.now() >= LEASE_LEFT_MS_MIN;
  }

  /** A call that nobody wants any more must not start either. Questions about it may. */
  mayBeginCall(holding: Holding): boolean {
    return !holding.cancelWanted && this.mayCall(holding);
  }

  async execute(holding: Holding): Promise<Outcome> {
    const { claim, entry } = holding;
    const outcome = await this.#ask<Outcome>(
      holding,
      'execute',
      async (signal) =>
        understood(
          OUTCOMES,
          await this.#providers.for(entry).execute(
            claim.action,
            this.#attemptOf(holding, () => this.mayBeginCall(holding)),
            signal,
          ),
        ),
      (reason) => ({ kind: 'mayHaveActed', reason }),
    );
    // What was not begun because it is to be cancelled says nothing about the provider.
    const wasKeptBack = outcome.kind === 'unavailable' && !this.mayBeginCall(holding);
    if (!wasKeptBack) this.#note(holding, 'call', !UNANSWERED.has(outcome.kind));
    return outcome;
  }

  /** Asks what became of the last call. */
  probe(holding: Holding): Promise<Finding> {
    return this.#find(holding, 'probe');
  }

  /** Asks to take the last call back. */
  cancel(holding: Holding): Promise<Finding> {
    return this.#find(holding, 'cancel');
  }

  async #find(holding: Holding, question: 'probe' | 'cancel'): Promise<Finding> {
    const { claim, entry } = holding;
    const provider = this.#providers.for(entry);
    if (!entry.capabilities[question] || !provider[question]) {
      return { kind: 'unanswered', reason: `its provider knows no ${question}` };
    }
    const attempt = this.#attemptOf(holding, () => this.mayCall(holding));
    const finding = await this.#ask<Finding>(
      holding,
      question,
      async (signal) =>
        understood(FINDINGS, await provider[question]!(claim.action, attempt, signal)),
      (reason) => ({ kind: 'unanswered', reason }),
    );
    this.#note(holding, 'question', finding.kind === 'known');
    return finding;
  }

  /** That we gave up, or had no right to call any more, says nothing about the provider. */
  #note(holding: Holding, asked: Asked, answered: boolean): void {
    if (!this.mayCall(holding)) return;
    this.#circuits.note(holding.claim.providerKey, asked, answered);
  }

  #attemptOf({ claim }: Holding, mayBegin: () => boolean): Attempt {
    const { attemptId: id, attempt: number, targetKey } = claim;
    return { id, number, targetKey, mayBegin };
  }

  async #ask<T extends Outcome | Finding>(
    holding: Holding,
    call: Call,
    question: (signal: AbortSignal) => Promise<T>,
    onFailure: (reason: string) => T,
  ): Promise<T> {
    const ended = this.#metrics.callBegins(holding.claim, call);
    const answer = await traceCall(holding, call, () => this.#answer(holding, question, onFailure));
    ended(answer.kind);
    return answer;
  }

  async #answer<T>(
    { claim, entry, lost }: Holding,
    question: (signal: AbortSignal) => Promise<T>,
    onFailure: (reason: string) => T,
  ): Promise<T> {
    const call = this.#begin(lost.signal);
    try {
      return await ask(question, { timeoutMs: entry.timeoutMs, call }, onFailure);
    } catch (error) {
      this.#logger.error({ actionId: claim.actionId, err: error }, 'provider threw');
      return onFailure('the provider failed unexpectedly');
    } finally {
      this.#underWay.delete(call);
    }
  }

  /**
   * A call that is aborted when the worker stops or its holding is lost. Not `AbortSignal.any`: what that makes stays in
   * memory, with all that listens to it, as long as one of its sources lives, and the worker's own lives for ever.
   */
  #begin(lost: AbortSignal): AbortController {
    const call = new AbortController();
    this.#underWay.add(call);
    if (this.isAborted) call.abort(this.#stopping.signal.reason);
    else if (lost.aborted) call.abort(lost.reason);
    else lost.addEventListener('abort', () => call.abort(lost.reason), { once: true });
    return call;
  }
}

/** @throws TypeError if a provider does not keep to its types, from which nothing could be concluded */
function understood<T extends Outcome | Finding>(kinds: Record<T['kind'], true>, answer: T): T {
  if (Object.hasOwn(kinds, answer.kind)) return answer;
  throw new TypeError(`${JSON.stringify(answer.kind)} is no answer to that`);
}

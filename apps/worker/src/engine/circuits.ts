import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '#config/settings';

/** To act, or to say what became of a call. */
export type Asked = 'call' | 'question';

interface Circuit {
  /** In a row without an answer. */
  failures: Record<Asked, number>;
  /** While it is open: when the provider is tried again, by the monotonic clock. */
  triedAgainAtMs: number | null;
}

const NEVER_ASKED: Circuit = { failures: { call: 0, question: 0 }, triedAgainAtMs: null };

/**
 * A provider that fails call after call is left alone for a while: its actions wait, where one by one they would end
 * unknown or fill the places of others. Each worker judges for itself, by its own calls.
 */
@Injectable()
export class Circuits {
  readonly #logger = new Logger(Circuits.name);
  readonly #failuresMax: number;
  readonly #openMs: number;
  readonly #circuits = new Map<string, Circuit>();
  /** Called when a circuit opens or closes. */
  onChange: () => void = () => undefined;

  constructor(settings: Settings) {
    this.#failuresMax = settings.CIRCUIT_FAILURES_MAX;
    this.#openMs = settings.CIRCUIT_OPEN_MS;
  }

  /** How many calls to the provider may be under way: none while open, one to try it, else any number. */
  limit(providerKey: string): number {
    const triedAgainAtMs = this.#circuits.get(providerKey)?.triedAgainAtMs ?? null;
    if (triedAgainAtMs === null) return Number.POSITIVE_INFINITY;
    return performance.now() < triedAgainAtMs ? 0 : 1;
  }

  /** Until a call gets through again. */
  isOpen(providerKey: string): boolean {
    return Number.isFinite(this.limit(providerKey));
  }

  /**
   * Takes note of whether the provider gave an answer that means something. One to a question does not make up for calls
   * without any: a provider whose calls hang may well say what became of them.
   */
  note(providerKey: string, asked: Asked, answered: boolean): void {
    const circuit = this.#circuits.get(providerKey) ?? NEVER_ASKED;
    const wasOpen = circuit.triedAgainAtMs !== null;
    const failures = failuresAfter(circuit.failures, asked, answered);
    const inARow = failures.call + failures.question;
    const isOpen = inARow >= this.#failuresMax;
    const leftAloneUntilMs = answered ? circuit.triedAgainAtMs : performance.now() + this.#openMs;
    this.#circuits.set(providerKey, {
      failures,
      triedAgainAtMs: isOpen ? leftAloneUntilMs : null,
    });
    if (isOpen === wasOpen) return;
    if (isOpen) this.#logger.warn({ provider: providerKey, failures: inARow }, 'circuit opened');
    else this.#logger.log({ provider: providerKey }, 'circuit closed');
    this.onChange();
  }
}

function failuresAfter(
  { call, question }: Circuit['failures'],
  asked: Asked,
  answered: boolean,
): Circuit['failures'] {
  if (answered) return { call: asked === 'call' ? 0 : call, question: 0 };
  return asked === 'call' ? { call: call + 1, question } : { call, question: question + 1 };
}

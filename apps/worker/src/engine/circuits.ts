import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '#config/settings';

interface Circuit {
  failures: number;
  /** While it is open: when the provider is tried again, by the monotonic clock. */
  triedAgainAtMs: number | null;
}

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

  /** Takes note of how a call went: whether the provider gave an answer that means something. */
  note(providerKey: string, answered: boolean): void {
    const circuit = this.#circuits.get(providerKey) ?? { failures: 0, triedAgainAtMs: null };
    const wasOpen = circuit.triedAgainAtMs !== null;
    const failures = answered ? 0 : circuit.failures + 1;
    const isOpen = failures >= this.#failuresMax;
    this.#circuits.set(providerKey, {
      failures,
      triedAgainAtMs: isOpen ? performance.now() + this.#openMs : null,
    });
    if (isOpen === wasOpen) return;
    if (isOpen) this.#logger.warn({ provider: providerKey, failures }, 'circuit opened');
    else this.#logger.log({ provider: providerKey }, 'circuit closed');
    this.onChange();
  }
}

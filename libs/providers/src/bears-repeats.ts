import type { ProviderEntry } from './catalogue.ts';

/**
 * Whether a call may be made again when it cannot be told what became of it. Who reads a dispatch topic drops repeats by the
 * action id, whatever else it can do: the topic has each action at least once.
 */
export function bearsRepeats({ type, capabilities }: ProviderEntry): boolean {
  return type === 'kafka' || capabilities.idempotent;
}

import type { ActionEntry, ParameterEntry } from './action-entry.ts';
import type { SimulatedEntry } from './catalogue.ts';

/** An entry as the catalogue gives it, with its defaults, unless told otherwise. */
export function providerEntry(overrides: Partial<SimulatedEntry> = {}): SimulatedEntry {
  return {
    vendor: 'Acme',
    provider: 'Firewall',
    aliases: [],
    type: 'simulated',
    capabilities: { idempotent: false, cancel: false, probe: false },
    timeoutMs: 10_000,
    retry: { attemptsMax: 3, backoffMs: 500, backoffMsMax: 30_000 },
    queueTimeoutMs: 86_400_000,
    reportTimeoutMs: 3_600_000,
    concurrencyMax: 64,
    allowUnknownActions: false,
    actions: [],
    ...overrides,
  };
}

export function actionEntry(
  name: string,
  target?: string,
  ...parameters: (Partial<ParameterEntry> & { name: string })[]
): ActionEntry {
  return {
    name,
    description: '',
    ...(target !== undefined && { target }),
    parameters: parameters.map((parameter) => ({ type: 'string', required: false, ...parameter })),
  };
}

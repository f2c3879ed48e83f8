import type { ProviderTraits } from '../history.ts';

/** A provider may take so long for one answer; short, so that a run has many that do not come. */
const TIMEOUT_MS = 1500;
/** A report may be so late; long enough that most come in time, short enough that some do not. */
const REPORT_TIMEOUT_MS = 2000;
const RETRY = { attemptsMax: 4, backoffMs: 100, backoffMsMax: 1000 };

const parameter = (name: string, type = 'string') => ({ name, type });
const CONTRARY_ACTIONS = ['Isolate', 'Release'].map((name) => ({
  name,
  target: 'target',
  parameters: [parameter('target'), parameter('answers'), parameter('delayMs', 'integer')],
}));
const SIMULATE = {
  name: 'Simulate',
  target: 'target',
  parameters: [
    parameter('target'),
    parameter('outcome'),
    parameter('delayMs', 'integer'),
    parameter('failAttempts', 'integer'),
  ],
};

/** The products of a run: every kind of them that is treated in another way. */
export const WEBHOOKS = {
  /** Bears no repeats, and can neither be asked nor told to take anything back: the hardest kind. */
  Strict: { idempotent: false, cancel: false, probe: false },
  Patient: { idempotent: true, cancel: true, probe: true },
  /** Takes actions over and reports later. */
  Reporter: { idempotent: false, cancel: false, probe: true },
} as const;

export type WebhookName = keyof typeof WEBHOOKS;

const SIMULATORS = {
  Simulator: { idempotent: true, cancel: true, probe: true },
  'Strict Simulator': { idempotent: false, cancel: false, probe: false },
} as const;

const common = { vendor: 'Acme', timeoutMs: TIMEOUT_MS, retry: RETRY, concurrencyMax: 32 };

/** The file of providers. @param urlOf where each product listens */
export function catalogue(urlOf: (provider: WebhookName) => string, secretEnv: string): object {
  const webhooks = (Object.keys(WEBHOOKS) as WebhookName[]).map((provider) => {
    const { idempotent, cancel, probe } = WEBHOOKS[provider];
    return {
      ...common,
      provider,
      type: 'webhook',
      url: `${urlOf(provider)}/act`,
      ...(cancel && { cancelUrl: `${urlOf(provider)}/cancel` }),
      ...(probe && { probeUrl: `${urlOf(provider)}/probe` }),
      secretEnv,
      capabilities: { idempotent },
      reportTimeoutMs: REPORT_TIMEOUT_MS,
      actions: CONTRARY_ACTIONS,
    };
  });
  const simulators = Object.entries(SIMULATORS).map(([provider, capabilities]) => ({
    ...common,
    provider,
    type: 'simulated',
    capabilities,
    reportTimeoutMs: REPORT_TIMEOUT_MS,
    actions: [SIMULATE],
  }));
  return { providers: [...webhooks, ...simulators] };
}

/** What the checker is to know of them. */
export const TRAITS: ProviderTraits[] = [
  ...Object.entries(WEBHOOKS).map(([name, traits]) => traitsOf(name, 'webhook', traits)),
  ...Object.entries(SIMULATORS).map(([name, traits]) => traitsOf(name, 'simulated', traits)),
];

function traitsOf(
  name: string,
  type: ProviderTraits['type'],
  traits: { idempotent: boolean; cancel: boolean; probe: boolean },
): ProviderTraits {
  const { attemptsMax } = RETRY;
  return { key: `Acme/${name}`, type, ...traits, timeoutMs: TIMEOUT_MS, attemptsMax };
}

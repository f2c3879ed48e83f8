import type { ProviderEntry } from './catalogue.ts';

/**
 * What follows when a provider runs an action and does not report its end in time: it is asked, or if it cannot be asked
 * and is idempotent, called again. Neither: a probe all the same, which finds nothing out.
 */
export function afterSilence({ capabilities }: ProviderEntry): 'call' | 'probe' {
  return capabilities.idempotent && !capabilities.probe ? 'call' : 'probe';
}

/** Workers that know the provider look into it in the end, even if this process does not. */
const UNKNOWN_PROVIDER_REPORT_TIMEOUT_MS = 86_400_000;

/** How long a provider that runs an action may stay silent about it, and what follows then. */
export function patienceWith(entry: ProviderEntry | undefined): {
  reportTimeoutMs: number;
  next: 'call' | 'probe';
} {
  return {
    reportTimeoutMs: entry?.reportTimeoutMs ?? UNKNOWN_PROVIDER_REPORT_TIMEOUT_MS,
    next: entry ? afterSilence(entry) : 'probe',
  };
}

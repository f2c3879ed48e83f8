import type { ProviderEntry } from './catalogue.ts';

/**
 * What follows when a provider runs an action and does not report its end in time: it is asked, or if it cannot be asked
 * and bears repeats, called again. Neither: a probe all the same, which finds nothing out.
 */
export function afterSilence({ capabilities }: ProviderEntry): 'call' | 'probe' {
  return capabilities.idempotent && !capabilities.probe ? 'call' : 'probe';
}

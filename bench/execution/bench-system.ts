import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Services } from '../../dev/stack.ts';
import type { System } from '../../test/support/system.ts';
import { withOwnSystem } from '../own-system.ts';

/** Processes of each measurement. Two workers, because what is asked is about all of them together. */
export const APIS = 1;
export const WORKERS = 2;

/** What the only action of every provider here takes. */
const ACTIONS = [
  {
    name: 'Act',
    target: 'target',
    parameters: [
      { name: 'target', type: 'string' },
      { name: 'delayMs', type: 'integer' },
    ],
  },
];

/**
 * Runs the product with these providers for as long as `work` takes.
 * @param providers what their entries say beside vendor, name and actions, by name
 */
export async function withSystem<T>(
  services: Services,
  { providers, env = {} }: { providers: Record<string, object>; env?: Record<string, string> },
  work: (system: System) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-bench-'));
  const file = join(directory, 'providers.yaml');
  const entries = Object.entries(providers).map(([provider, more]) => ({
    vendor: 'Bench',
    provider,
    actions: ACTIONS,
    ...more,
  }));
  writeFileSync(file, stringify({ providers: entries }));
  const options = { apis: APIS, workers: WORKERS, env: { PROVIDERS_FILE: file, ...env } };
  try {
    return await withOwnSystem(services, options, work);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A create body. */
export function act(provider: string, parameters: { target?: string; delayMs?: number }) {
  return {
    name: 'Act',
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value: String(value) })),
    vendorInformation: { vendor: 'Bench', provider },
  };
}

import { randomUUID } from 'node:crypto';
import type { CreateCommand } from '#domain/command';

/** The command of a create without a target at the shipped catalogue's Simulator, as the API would publish it. */
export function simulateCommand({
  id = randomUUID(),
  acceptedAt = new Date(),
}: { id?: string; acceptedAt?: Date } = {}): CreateCommand {
  return {
    schemaVersion: 1,
    acceptedDateTime: acceptedAt.toISOString(),
    caller: { tenantId: 'tenant-a', appId: 'app-1', user: null },
    clientRequestId: null,
    provider: { key: 'SecurityActions/Simulator', action: 'Simulate' },
    targetKey: null,
    resendKey: randomUUID(),
    action: {
      id,
      name: 'Simulate',
      actionReason: null,
      clientContext: null,
      parameters: [],
      vendorInformation: {
        vendor: 'SecurityActions',
        provider: 'Simulator',
        providerVersion: null,
        subProvider: null,
      },
      properties: {},
    },
  };
}

import { randomUUID } from 'node:crypto';
import type { CreateCommand } from '#domain/command';
import { create } from '../ours.ts';

/** A command as the API would write it, so that what is produced and stored has the size that the product's has. */
export function sampleCommand(number: number): CreateCommand {
  const { name, parameters, vendorInformation } = create(number);
  return {
    schemaVersion: 1,
    acceptedDateTime: new Date().toISOString(),
    caller: { tenantId: 'tenant-a', appId: 'app-1', user: null },
    clientRequestId: randomUUID(),
    idempotencyKey: null,
    isResend: false,
    provider: { key: 'SecurityActions/Simulator', action: name },
    targetKey: randomUUID(),
    resendKey: randomUUID(),
    action: {
      id: randomUUID(),
      name,
      actionReason: null,
      clientContext: null,
      parameters,
      vendorInformation: { ...vendorInformation, subProvider: null, providerVersion: null },
      properties: {},
      revertDateTime: null,
      revertAfter: null,
      revertsActionId: null,
    },
  };
}

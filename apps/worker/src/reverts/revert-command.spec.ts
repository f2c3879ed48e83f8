import { describe, expect, it } from 'vitest';
import type { LookedAt } from '#database/reverts.queries';
import { decodeCommand } from '#domain/command';
import { deriveId, newActionId } from '#domain/ids';
import { actionEntry } from '#providers/provider-entry.fixture';
import { revertCommand } from './revert-command.ts';

const actionId = newActionId();
const timer: LookedAt = {
  azureTenantId: 'tenant-a',
  actionId,
  now: new Date(),
  status: 'Completed',
  errorInfo: null,
  completedDateTime: new Date(),
  revertDateTime: null,
  revertAfter: 'PT1H',
  revertsActionId: null,
  revertedByActionId: null,
  requestedDateTime: null,
  row: {
    appId: 'app-1',
    user: 'ann@example.com',
    clientContext: 'INC-1',
    parameters: [
      { name: 'ip', value: '1.2.3.4' },
      { name: 'comment', value: 'noisy' },
    ],
    vendorInformation: {
      provider: 'FW',
      providerVersion: '2',
      subProvider: null,
      vendor: 'Acme',
    },
    targetKey: deriveId('target'),
    providerKey: 'Acme/Firewall',
    actionName: 'BlockIp',
    position: '7',
  },
};
const revert = actionEntry('UnblockIp', 'IP', { name: 'IP' }, { name: 'note' });
const REQUESTED = new Date('2026-01-31T12:00:00.123Z');

describe('the command of a revert', () => {
  const command = revertCommand(timer, revert, REQUESTED);

  it('is what the caller of its action would have sent, on the same target', () => {
    expect(command).toMatchObject({
      caller: { tenantId: 'tenant-a', appId: 'app-1', user: 'ann@example.com' },
      provider: { key: 'Acme/Firewall', action: 'UnblockIp' },
      targetKey: timer.row.targetKey,
      acceptedDateTime: REQUESTED.toISOString(),
      action: {
        id: deriveId('tenant-a', actionId, 'revert'),
        name: 'UnblockIp',
        clientContext: 'INC-1',
        vendorInformation: timer.row.vendorInformation,
        revertsActionId: actionId,
      },
    });
  });

  it('has those parameters of its action that it takes, and no timer of its own', () => {
    expect(command.action.parameters).toEqual([{ name: 'ip', value: '1.2.3.4' }]);
    expect(Object.keys(command.action)).not.toContain('revertAfter');
  });

  it('can be read by an ingest, and is the same to the last byte when it is made again', () => {
    const text = JSON.stringify(command);
    expect(decodeCommand(Buffer.from(text))).toEqual(command);
    expect(JSON.stringify(revertCommand(timer, revert, REQUESTED))).toBe(text);
  });
});

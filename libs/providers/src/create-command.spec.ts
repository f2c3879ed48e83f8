import { describe, expect, it } from 'vitest';
import { parseCreateRequest } from '#domain/create-request';
import { loadCatalogue } from './catalogue.ts';
import { type ReceivedCreate, createCommand } from './create-command.ts';

const catalogue = loadCatalogue('config/providers.yaml');

const received = (more: Partial<ReceivedCreate> = {}): ReceivedCreate => ({
  caller: { tenantId: 'tenant-a', appId: 'app-1', user: null },
  request: parseCreateRequest({
    name: 'BlockIp',
    parameters: [{ name: 'IP', value: '1.2.3.4' }],
    vendorInformation: { provider: 'Windows Defender ATP', vendor: 'Microsoft' },
  }),
  clientRequestId: 'incident-1',
  idempotencyKey: null,
  isResend: false,
  id: '019c1433-2a00-7000-8000-000000000003',
  acceptedAt: new Date('2026-01-31T12:00:00Z'),
  ...more,
});
const made = (more?: Partial<ReceivedCreate>) => createCommand(catalogue, received(more));

describe('the command of a create', () => {
  it('is the same resend for the same caller, request id and body, under whatever id', () => {
    const first = made();
    const again = made({ id: '019c1433-2a00-7000-8000-000000000004', isResend: true });
    expect(again.resendKey).toBe(first.resendKey);
    expect([first.isResend, again.isResend]).toEqual([false, true]);
    expect(made({ clientRequestId: 'incident-2' }).resendKey).not.toBe(first.resendKey);
  });

  it('with an idempotency key is nobody’s resend', () => {
    const keyed = made({ idempotencyKey: 'k', isResend: true });
    expect(keyed).toMatchObject({ idempotencyKey: 'k', isResend: false });
    expect(keyed.resendKey).toBe(keyed.action.id);
  });
});

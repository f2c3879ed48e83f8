import type { SecurityAction } from '#domain/security-action';

/** The value of a parameter that must not turn up where it does not belong. */
export const PARAMETER_VALUE = '203.0.113.77';

export const ATTEMPT = { id: '0199f2a4-9b1e-7d6f-8a51-3c2f5e7d9b10', number: 2, targetKey: null };

/** An action as a provider gets to see it. */
export function actionWith(
  parameters: Record<string, string | null> = { IP: PARAMETER_VALUE },
  more: Partial<SecurityAction> = {},
): SecurityAction {
  return {
    id: '019a8f3e-5c1d-7b2a-9c3d-0123456789ab',
    actionReason: null,
    appId: 'app',
    azureTenantId: 'tenant',
    clientContext: null,
    completedDateTime: null,
    createdDateTime: '2026-01-31T12:00:00.000Z',
    errorInfo: null,
    lastActionDateTime: '2026-01-31T12:00:00.000Z',
    name: 'BlockIp',
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })),
    states: [],
    status: 'Running',
    user: null,
    vendorInformation: {
      provider: 'Firewall',
      providerVersion: null,
      subProvider: null,
      vendor: 'Acme',
    },
    ...more,
  };
}

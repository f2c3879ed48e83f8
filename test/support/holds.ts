import type { Hold } from '#domain/hold';
import type { TokenRequest } from '../../dev/token.ts';
import type { Client } from './client.ts';
import type { System } from './system.ts';

export const HOLDS = 'v1.0/security/securityActionHolds';

export interface HoldPage {
  value: Hold[];
  '@odata.nextLink'?: string;
}

/** A client that may set and release holds, and nothing else. */
export function operatorOf(
  system: System,
  tenant: string,
  request: Partial<TokenRequest> = {},
): Promise<Client> {
  return system.client({ tenant, roles: ['SecurityActions.Operate.All'], ...request });
}

import { z } from 'zod';
import type { JWTPayload } from 'jose';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';

/** What a token may do here. Who may write may read; who may operate may neither, unless it says so as well. */
export type Role = 'read' | 'write' | 'operate';

/** What each permission allows: Graph's two, and one for those who run the service. */
export const ROLES: Record<string, Role[]> = {
  'SecurityActions.Read.All': ['read'],
  'SecurityActions.ReadWrite.All': ['read', 'write'],
  'SecurityActions.Operate.All': ['operate'],
};
const TENANT_PLACEHOLDER = '{tenantid}';

/** Who holds a token, and what it allows. */
export interface Verified {
  caller: Caller;
  roles: ReadonlySet<Role>;
}

/** An id or a name: stored, and part of every key, so that neither blanks nor control characters fit. */
const identifier = z.string().regex(/^[\x21-\x7e]{1,255}$/);
/** Entra ID's names. Version 1 says `appid` and `upn` what version 2 calls `azp` and `preferred_username`. */
const claimsSchema = z.object({
  iss: z.string(),
  tid: identifier,
  azp: identifier.optional(),
  appid: identifier.optional(),
  idtyp: z.string().optional(),
  upn: z.string().max(255).optional(),
  preferred_username: z.string().max(255).optional(),
  roles: z.array(z.string()).optional(),
  scp: z.string().optional(),
});

/**
 * What the claims of a verified token say of its holder.
 * @throws ApiError InvalidAuthenticationToken for claims that are missing, ill-typed or do not fit each other
 */
export function readClaims(payload: JWTPayload, issuers: readonly string[]): Verified {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) throw invalidClaim(String(parsed.error.issues[0]?.path[0]));
  const { iss, tid, azp, appid, upn, preferred_username, idtyp, roles = [], scp } = parsed.data;
  // Otherwise an issuer of one tenant could speak for another.
  if (!issuers.some((issuer) => issuerOf(issuer, tid) === iss)) throw invalidClaim('iss');
  const appId = azp ?? appid;
  if (appId === undefined) {
    throw invalidToken("Access token validation failure. The claim 'azp' or 'appid' is missing.");
  }
  const isDelegated = scp !== undefined || idtyp === 'user';
  // The roles in a delegated token are the person's, and not what the person allowed the application to do.
  const granted = isDelegated ? (scp ?? '').split(' ') : roles;
  return {
    caller: {
      tenantId: tid,
      appId,
      user: isDelegated ? (upn ?? preferred_username ?? null) : null,
    },
    roles: new Set(granted.flatMap((name) => (Object.hasOwn(ROLES, name) ? ROLES[name]! : []))),
  };
}

/** An entry of AUTH_ISSUER as it is for a tenant. */
export function issuerOf(template: string, tenant: string): string {
  return template.replaceAll(TENANT_PLACEHOLDER, () => tenant);
}

export function invalidToken(message: string): ApiError {
  return new ApiError('InvalidAuthenticationToken', message);
}

function invalidClaim(name: string): ApiError {
  return invalidToken(`Access token validation failure. The claim '${name}' is not valid.`);
}

import { settingsSchema } from '#config/settings';
import {
  mintToken,
  APP_DEFAULT,
  ROLE_DEFAULT,
  TENANT_DEFAULT,
  type TokenRequest,
} from '../token.ts';
import { readJson, writeAtomically } from './directory.ts';
import { signingKey } from './signing-key.ts';

interface Audience {
  issuer: string;
  audience: string;
}

/** Remembers for whom the stack expects tokens, as `npm run token` runs without its environment. */
export function rememberAudience(directory: string, audience: Audience): void {
  writeAtomically(`${directory}/issuer/audience.json`, `${JSON.stringify(audience, null, 2)}\n`);
}

/** What a token says unless told otherwise: the environment first, then what the last stack expected. */
export function defaultRequest(
  directory: string,
  issuerPort: number,
  env: NodeJS.ProcessEnv = process.env,
): TokenRequest {
  const last = readJson<Audience>(`${directory}/issuer/audience.json`);
  return {
    issuer: firstOf(env['AUTH_ISSUER']) || last?.issuer || `http://localhost:${issuerPort}`,
    audience: firstOf(env['AUTH_AUDIENCE']) || firstOf(last?.audience) || audienceDefault(),
    tenant: TENANT_DEFAULT,
    app: APP_DEFAULT,
    roles: [ROLE_DEFAULT],
    expiresInSeconds: 3600,
  };
}

/** A token for the stack on this directory. */
export async function mintDefaultToken(directory: string, issuerPort: number): Promise<string> {
  return mintToken(await signingKey(directory), defaultRequest(directory, issuerPort));
}

/** The API may take several; a token has one. */
function firstOf(list: string | undefined): string | undefined {
  return list?.split(',')[0]!.trim();
}

function audienceDefault(): string {
  return settingsSchema.shape.AUTH_AUDIENCE.parse(undefined)[0]!;
}

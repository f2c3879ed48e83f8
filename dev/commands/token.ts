import { parseArgs } from 'node:util';
import { parseDuration } from '../duration.ts';
import { loadStackSettings } from '../stack-settings.ts';
import { signingKey } from '../stack/signing-key.ts';
import { defaultRequest } from '../stack/token-defaults.ts';
import { mintToken, type TokenRequest } from '../token.ts';

/** `npm run token`: prints a token and nothing else. */
export async function tokenCommand(args: string[]): Promise<number> {
  const { STACK_DIR, ISSUER_PORT } = loadStackSettings();
  const request = parseTokenArguments(args, defaultRequest(STACK_DIR, ISSUER_PORT));
  console.log(await mintToken(await signingKey(STACK_DIR), request));
  return 0;
}

/** `--tenant T --app A --role R [--role R2] [--user upn] [--expires 1h] [--audience X]` over the defaults. */
export function parseTokenArguments(args: string[], defaults: TokenRequest): TokenRequest {
  const { values } = parseArgs({
    args: joinNegativeValues(args),
    options: {
      tenant: { type: 'string', default: defaults.tenant },
      app: { type: 'string', default: defaults.app },
      role: { type: 'string', multiple: true, default: defaults.roles },
      user: { type: 'string' },
      expires: { type: 'string', default: `${defaults.expiresInSeconds}s` },
      audience: { type: 'string', default: defaults.audience },
      issuer: { type: 'string', default: defaults.issuer },
    },
  });
  return {
    issuer: values.issuer,
    audience: values.audience,
    tenant: values.tenant,
    app: values.app,
    roles: values.role,
    ...(values.user !== undefined && { user: values.user }),
    expiresInSeconds: parseDuration(values.expires),
  };
}

/** `--expires -1h` becomes `--expires=-1h`: the parser takes a dash for the next option otherwise. */
function joinNegativeValues(args: string[]): string[] {
  return args.reduce<string[]>((joined, arg) => {
    const before = joined.at(-1);
    if (!/^-\d/.test(arg) || !before?.startsWith('--') || before.includes('='))
      return [...joined, arg];
    return [...joined.slice(0, -1), `${before}=${arg}`];
  }, []);
}

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { providerFields } from './provider-fields.ts';

/* An entry of the catalogue of type `webhook`: where it is called, and what calling it takes. */

const SECRET_PREFIX = 'whsec_';

const endpoint = z
  .url({ protocol: /^https?$/, error: 'must be an http or https address' })
  .refine((url) => !/^[^/]*\/\/[^/?#]*@/.test(url), {
    message: 'must not carry a user or password: calls are signed with secretEnv',
  });

const webhookFields = z.strictObject({
  ...providerFields,
  type: z.literal('webhook'),
  /** Where actions are sent. */
  url: endpoint,
  /** Where an attempt is taken back; gives the capability `cancel`. */
  cancelUrl: endpoint.optional(),
  /** Where it is asked what became of an action; gives the capability `probe`. */
  probeUrl: endpoint.optional(),
  /** The environment variable that holds the signing secret, `whsec_<base64>`, or with `_FILE` behind it, its file. */
  secretEnv: z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of an environment variable'),
  /** Connections of one worker to each of the addresses; as many as calls unless set, so that no call waits for one. */
  connectionsMax: z.int().positive().max(10_000).optional(),
  /** A product that has not taken the connection by then is away; far below timeoutMs, which is for slow ones. */
  connectTimeoutMs: z.int().positive().max(60_000).default(3000),
  /** An idle connection is closed after this; before the 5 s of a Node server, so that calls seldom meet one that closes. */
  keepAliveMs: z.int().positive().max(600_000).default(4000),
  /** Largest answer that is read; a status and a message need less, and one worker reads many at once. */
  answerBytesMax: z.int().positive().max(1_048_576).default(65_536),
  /** Certificate authorities of the product, PEM; in place of the public ones. */
  tlsCaFile: z.string().min(1).optional(),
});

const CLAIMS = { cancel: 'cancelUrl', probe: 'probeUrl' } as const;

/** zod would else keep these back until the entry is well-formed. */
const ALSO_BESIDE_OTHER_MISTAKES = { when: () => true };

export const webhookSchema = webhookFields
  .superRefine((entry: Partial<z.infer<typeof webhookFields>>, context) => {
    for (const capability of ['cancel', 'probe'] as const) {
      const url = CLAIMS[capability];
      if (entry.capabilities?.[capability] !== true || entry[url] !== undefined) continue;
      const path = ['capabilities', capability];
      context.addIssue({ code: 'custom', path, message: `needs ${url}` });
    }
  }, ALSO_BESIDE_OTHER_MISTAKES)
  .transform((entry) => ({
    ...entry,
    capabilities: {
      ...entry.capabilities,
      cancel: entry.cancelUrl !== undefined,
      probe: entry.probeUrl !== undefined,
    },
  }));

export type WebhookEntry = z.infer<typeof webhookSchema>;

/** Finds a secret by the name an entry gives; undefined if there is none. */
export type SecretReader = (name: string) => string | undefined;

/** @throws Error that names the variable, and never its value */
export function webhookSigner(name: string, secretOf: SecretReader): Webhook {
  const secret = secretOf(name);
  if (secret === undefined) {
    throw new Error(
      `${name} is not set; it, or the file of ${name}_FILE, must hold whsec_<base64>`,
    );
  }
  try {
    if (secret.startsWith(SECRET_PREFIX)) return new Webhook(secret);
  } catch {
    // The library's own words could repeat a part of the secret.
  }
  throw new Error(`${name} does not hold whsec_<base64>`);
}

/** @throws Error if the file cannot be read as certificates */
export function readAuthorities(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new Error(`${path} cannot be read as PEM certificates: ${(error as Error).message}`);
  }
}

const readAtStart = z.looseObject({
  type: z.literal('webhook'),
  secretEnv: webhookFields.shape.secretEnv.optional().catch(undefined),
  tlsCaFile: webhookFields.shape.tlsCaFile.catch(undefined),
});

/** What is wrong outside of the file: secrets and certificates, of an entry that may be wrong in other ways too. */
export function mistakesAround(entry: unknown, secretOf: SecretReader): [string, string][] {
  const { secretEnv, tlsCaFile } = readAtStart.safeParse(entry).data ?? {};
  const mistakes: [string, string][] = [];
  const attempt = (path: string, read: () => unknown) => {
    try {
      read();
    } catch (error) {
      mistakes.push([path, (error as Error).message]);
    }
  };
  if (secretEnv !== undefined) attempt('secretEnv', () => webhookSigner(secretEnv, secretOf));
  if (tlsCaFile !== undefined) attempt('tlsCaFile', () => readAuthorities(tlsCaFile));
  return mistakes;
}

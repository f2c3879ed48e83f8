import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { openStackDirectory } from './directory.ts';

const ALGORITHM = 'RS256';

/** The private key of the dev issuer, as a JWK with `kid` and `alg`. */
export type SigningKey = JWK & { kid: string; alg: string };

/** The key kept in this directory; made at first use, so that a token can be had before `npm start`. */
export async function signingKey(directory: string): Promise<SigningKey> {
  const file = `${directory}/issuer/signing-key.json`;
  return readKey(file) ?? (await createKey(directory, file));
}

function readKey(file: string): SigningKey | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SigningKey;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function createKey(directory: string, file: string): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const kid = `dev-${Date.now().toString(36)}-${process.pid}`;
  const key = { ...(await exportJWK(privateKey)), kid, alg: ALGORITHM, use: 'sig' };
  openStackDirectory(directory);
  mkdirSync(`${directory}/issuer`, { recursive: true });
  const incoming = `${file}.${process.pid}`;
  writeFileSync(incoming, JSON.stringify(key), { mode: 0o600 });
  try {
    // Unlike a rename this never replaces: of two at the same time both use the key that came first.
    linkSync(incoming, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(incoming);
  }
  return readKey(file) ?? key;
}

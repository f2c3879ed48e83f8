import 'reflect-metadata';
import { X509Certificate, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as x509 from '@peculiar/x509';
import { writeAtomically } from './directory.ts';

export interface CertificateFiles {
  caFile: string;
  certFile: string;
  keyFile: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;
const CA_DAYS = 3650;
// Clients refuse server certificates that live longer than 398 days.
const SERVER_DAYS = 365;
const RENEW_BEFORE_MS = 14 * DAY_MS;

export function certificateFiles(directory: string): CertificateFiles {
  const tls = `${directory}/tls`;
  return { caFile: `${tls}/ca.pem`, certFile: `${tls}/server.pem`, keyFile: `${tls}/server.key` };
}

/**
 * An authority of this stack alone, and a certificate for localhost under it. Kept while they last, so that
 * who trusts the authority once need not do so again; its key stays here, to renew the other.
 */
export async function ensureCertificates(directory: string): Promise<void> {
  const { caFile, certFile, keyFile } = certificateFiles(directory);
  const caKeyFile = `${directory}/tls/ca.key`;
  const isCaNew = !lasts(caFile);
  if (isCaNew) {
    const { key, certificate } = await createAuthority();
    writeAtomically(caKeyFile, key, 0o600);
    writeAtomically(caFile, certificate);
  }
  if (!isCaNew && lasts(certFile)) return;
  const { key, certificate } = await createServer(read(caFile), read(caKeyFile));
  writeAtomically(keyFile, key, 0o600);
  writeAtomically(certFile, certificate);
}

function lasts(file: string): boolean {
  try {
    return Date.parse(new X509Certificate(read(file)).validTo) - Date.now() > RENEW_BEFORE_MS;
  } catch {
    return false; // None there, or not readable as one: made anew either way.
  }
}

async function createAuthority() {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=security-actions development authority',
    ...validity(CA_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await pemOfKey(keys.privateKey), certificate: certificate.toString('pem') };
}

async function createServer(caPem: string, caKeyPem: string) {
  const authority = new x509.X509Certificate(caPem);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    x509.PemConverter.decodeFirst(caKeyPem),
    ALGORITHM,
    false,
    ['sign'],
  );
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: authority.subject,
    ...validity(SERVER_DAYS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await pemOfKey(keys.privateKey), certificate: certificate.toString('pem') };
}

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function serialNumber(): string {
  // Positive, as the first bit of the hexadecimal number is the sign.
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}`;
}

/** From yesterday on, for clocks that run behind (a container, a virtual machine). */
function validity(days: number) {
  const now = Date.now();
  return { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

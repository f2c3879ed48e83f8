import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { certificateFiles, ensureCertificates } from './certificates.ts';

describe('ensureCertificates', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certificates-'));
  const { caFile, certFile, keyFile } = certificateFiles(directory);
  const read = (file: string) => readFileSync(file, 'utf8');
  afterAll(() => rmSync(directory, { recursive: true }));

  it('makes a certificate for every name of this machine, signed by the authority', async () => {
    await ensureCertificates(directory);
    const server = new X509Certificate(read(certFile));
    expect(server.verify(new X509Certificate(read(caFile)).publicKey)).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkIP('::1')).toBe('::1');
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  });

  it('keeps both while they last, and renews the server alone when only that is gone', async () => {
    const [authority, server] = [read(caFile), read(certFile)];
    await ensureCertificates(directory);
    expect([read(caFile), read(certFile)]).toEqual([authority, server]);
    writeFileSync(certFile, 'damaged');
    await ensureCertificates(directory);
    expect(read(caFile)).toBe(authority);
    expect(read(certFile)).not.toBe(server);
  });
});

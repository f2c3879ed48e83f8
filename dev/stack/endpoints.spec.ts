import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockStackDirectory } from './directory.ts';
import { readEndpoints, removeEndpoints, writeEndpoints } from './endpoints.ts';

const endpoints = {
  http: 'http://localhost:8080',
  https: 'https://localhost:8443',
  caFile: '/stack/tls/ca.pem',
  admin: 'http://localhost:8081',
  kafkaBrokers: ['127.0.0.1:9092'],
  databaseUrl: 'postgres://postgres:postgres@127.0.0.1:5432/security_actions',
  issuer: 'http://localhost:8089',
  processes: [{ name: 'api', pid: 1 }],
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'endpoints-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('writeEndpoints', () => {
  it('leaves one whole file, that only its owner reads', () => {
    writeEndpoints(directory, endpoints);
    writeEndpoints(directory, endpoints);
    expect(readdirSync(directory)).toEqual(['endpoints.json']);
    expect(statSync(join(directory, 'endpoints.json')).mode & 0o777).toBe(0o600);
  });
});

describe('readEndpoints', () => {
  it('gives them while the stack runs, and nothing once it was killed or stopped', async () => {
    writeEndpoints(directory, endpoints);
    expect(readEndpoints(directory)).toBeUndefined();
    const unlock = await lockStackDirectory(directory);
    expect(readEndpoints(directory)).toEqual(endpoints);
    removeEndpoints(directory);
    expect(readEndpoints(directory)).toBeUndefined();
    unlock();
  });
});

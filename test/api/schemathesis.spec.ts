import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../dev/process/run.ts';
import { Client } from '../support/client.ts';
import { type OpenApi, operationsOf } from '../support/openapi.ts';
import { ensureVirtualEnvironment } from '../support/python.ts';
import { System } from '../support/system.ts';

/** To repeat a run: SCHEMATHESIS_SEED as the failed one printed it. */
const SEED = Number(process.env['SCHEMATHESIS_SEED'] ?? randomInt(2 ** 31));
const RUN_TIMEOUT_MS = 5 * 60_000;
const LINE_LENGTH_MAX = 1000;

interface Report {
  complete: boolean;
  operations: { tested: number };
  /** By operation and phase. */
  valid_rates: Record<string, Record<string, { accepted: number }>>;
}

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const python = await ensureVirtualEnvironment(beside('schemathesis.requirements.txt'), '3.11');

/**
 * Requests made from /openapi.json, right and wrong ones, alone and in sequences along its links: no answer is a
 * fault of ours, and each is of a status, type, body and headers that the document has for that operation.
 */
describe.skipIf(python === undefined)('what Schemathesis makes of /openapi.json', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    // Nothing here is about time-outs, and the machine may be busy.
    const env = { READ_WAIT_MS: '25000', ACCEPT_TIMEOUT_MS: '25000', BATCH_TIMEOUT_MS: '25000' };
    system = await System.start({ env });
    client = await system.client({
      roles: ['SecurityActions.ReadWrite.All', 'SecurityActions.Operate.All'],
    });
  });
  afterAll(() => system?.stop());

  async function schemathesis() {
    const reportFile = join(system.directory, 'schemathesis.json');
    const config = ['--config-file', beside('schemathesis.toml')];
    const report = ['--report', 'json', '--report-json-path', reportFile];
    const command = ['run', `${client.url}/openapi.json`, '--seed', String(SEED), ...report];
    const { code, output } = await run(
      python!,
      ['-m', 'schemathesis.cli', ...config, '--no-color', ...command],
      {
        cwd: system.directory,
        env: { ...process.env, TOKEN: client.token },
        signal: AbortSignal.timeout(RUN_TIMEOUT_MS),
      },
    );
    const findings = output.split('\n').map((line) => line.slice(0, LINE_LENGTH_MAX));
    return { code, findings: findings.join('\n'), reportFile };
  }

  it(
    'is answered as the document says, at every operation',
    async () => {
      console.log(`Schemathesis: SCHEMATHESIS_SEED=${SEED}`);
      const { code, findings, reportFile } = await schemathesis();
      expect(code, findings).toBe(0);
      const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
      const document = (await client.request<OpenApi>('GET', '/openapi.json')).body;
      expect(report.complete).toBe(true);
      expect(report.operations.tested).toBe(operationsOf(document).length);
      // Else no answer but refusals would have been looked at.
      const creates = Object.values(report.valid_rates['POST /security/securityActions']!);
      expect(creates.reduce((sum, { accepted }) => sum + accepted, 0)).toBeGreaterThan(0);
    },
    RUN_TIMEOUT_MS + 10_000,
  );
});

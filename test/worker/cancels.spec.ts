import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { inParallel } from '../support/in-parallel.ts';
import { WebhookSystem } from '../support/webhook-system.ts';

const HANGS_MS = 60_000;
/** More than one look takes on. */
const HANGING = 60;
const REPORTED_LATE = { timeoutMs: HANGS_MS, reportTimeoutMs: 3_600_000, concurrencyMax: 100 };

it('a provider that does not answer cancels keeps no other from being asked', async () => {
  const hole = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  onTestFinished(() => void hole.close());
  await once(hole, 'listening');
  const cancelUrl = `http://127.0.0.1:${(hole.address() as AddressInfo).port}/cancel`;
  const lab = await WebhookSystem.start(
    (url) => ({
      Hangs: { ...REPORTED_LATE, cancelUrl },
      Answers: { ...REPORTED_LATE, cancelUrl: `${url}/cancel` },
    }),
    { env: { SHUTDOWN_GRACE_MS: '1000' } },
  );
  onTestFinished(() => lab.stop());
  const client = await lab.system.client();
  const begin = async (provider: string, n: number): Promise<string> => {
    const parameters = { target: `${provider}-${n}`, answers: '202', cancel: 'Failed' };
    return (await client.create(lab.action(provider, parameters))).body.id;
  };
  const indexes = Array.from({ length: HANGING }, (_, index) => index);
  const hanging = await inParallel(indexes, 8, (n) => begin('Hangs', n));
  const answering = await begin('Answers', 0);
  const isReportAwaited = async () =>
    (await lab.system.query(`SELECT FROM "security_action_work" WHERE "awaitingReport"`)).length;
  await expect.poll(isReportAwaited, { timeout: 30_000 }).toBe(HANGING + 1);
  for (const id of [...hanging, answering]) expect((await client.cancel(id)).status).toBe(200);
  await expect
    .poll(async () => (await client.get(answering)).body.status, { timeout: HANGS_MS / 4 })
    .toBe('Failed');
}, 120_000);

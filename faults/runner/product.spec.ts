import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { actionWith } from '../../libs/providers/src/action.fixture.ts';
import { type Entry, parseHistory } from '../history.ts';
import type { WebhookName } from './catalogue.ts';
import { Product } from './product.ts';
import { Recorder } from './recorder.ts';

let directory: string;
let recorder: Recorder;
let product: Product;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'product-'));
  recorder = new Recorder(join(directory, 'history.jsonl'));
  product = await Product.start(recorder);
});
afterEach(async () => {
  await product.stop();
  rmSync(directory, { recursive: true });
});

const action = actionWith({ answers: '204', delayMs: '0' });

/** @param key null: none is sent. @returns the status it was answered with */
async function act(name: WebhookName, key: string | null): Promise<number> {
  const attemptId = randomUUID();
  const body = JSON.stringify({ action, attempt: 1, attemptId });
  const now = new Date();
  const response = await fetch(`http://127.0.0.1:${product.port}/${name}/act`, {
    method: 'POST',
    headers: {
      'webhook-id': attemptId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(product.secret).sign(attemptId, now, body),
      ...(key !== null && { 'idempotency-key': key }),
    },
    body,
  });
  return response.status;
}

async function recorded(kind: Entry['kind']): Promise<Entry[]> {
  await recorder.close();
  return parseHistory(readFileSync(recorder.file, 'utf8')).filter((entry) => entry.kind === kind);
}

describe('a product that bears repeats', () => {
  it('acts once on all calls under one key', async () => {
    expect(await act('Patient', action.id)).toBe(204);
    expect(await act('Patient', action.id)).toBe(204);
    expect(await recorded('effect')).toHaveLength(1);
  });

  it('acts again on a call under another key, though it is about the same action', async () => {
    await act('Patient', action.id);
    await act('Patient', randomUUID());
    const effects = await recorded('effect');
    expect(effects).toMatchObject([{ actionId: action.id }, { actionId: action.id }]);
  });

  it('takes no call without a key', async () => {
    expect(await act('Patient', null)).toBe(400);
    expect(await recorded('strayCall')).toMatchObject([{ reason: 'it has no Idempotency-Key' }]);
    expect(await recorded('effect')).toEqual([]);
  });
});

describe('a product that bears none', () => {
  it('acts on each call, whatever its key', async () => {
    await act('Strict', action.id);
    await act('Strict', action.id);
    expect(await recorded('effect')).toHaveLength(2);
  });
});

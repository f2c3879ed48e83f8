import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import type { OutboxEvent } from '#database/outbox-event';
import { actionWith } from '#providers/action.fixture';
import { Catalogue } from '#providers/catalogue';
import { actionEntry, providerEntry } from '#providers/provider-entry.fixture';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { logEvent } from './life-log.ts';

const isolate = { ...actionEntry('Isolate'), revert: 'Release' };
const catalogue = new Catalogue([providerEntry({ actions: [isolate, actionEntry('Release')] })]);
const FAILED_REVERTS =
  'security_actions_reverts_failed_total{provider="Acme/Firewall",action="Release"}';

/** The end of a release, that a timer has made if it names what it undoes. */
function end(type: 'failed' | 'completed' | 'cancelled', code?: number, reverts?: string) {
  const action = {
    ...actionWith(),
    createdDateTime: '2026-01-31T12:00:00.000Z',
    errorInfo: code === undefined ? null : { code, message: 'secret', subcode: 0 },
    ...(reverts !== undefined && { revertsActionId: reverts }),
  };
  const event: OutboxEvent = {
    position: '1',
    type,
    sequence: 3,
    dateTime: '2026-01-31T12:00:01.000Z',
    action,
    providerKey: 'Acme/Firewall',
    actionName: 'Release',
    clientRequestId: null,
    traceparent: null,
  };
  return event;
}

/** What is warned of, and how the counter of failed reverts stands afterwards. */
async function told(event: OutboxEvent) {
  const logger = new Logger();
  const warn = vi.spyOn(logger, 'warn').mockReturnValue();
  vi.spyOn(logger, 'debug').mockReturnValue();
  const registry = new Registry();
  const metrics = new ActionMetrics(registry, catalogue);
  logEvent(logger, event);
  metrics.published(event);
  const shown = (await registry.metrics()).split('\n');
  const counted = shown.find((line) => line.startsWith(FAILED_REVERTS));
  return { warnings: warn.mock.calls, counted: counted?.slice(FAILED_REVERTS.length + 1) };
}

describe('the end of an action', () => {
  it.each([3, 4, 5, 6, 8, 77])(
    'is warned of and counted when it is that of a timed revert: Failed %i',
    async (code) => {
      const { warnings, counted } = await told(end('failed', code, 'contained-1'));
      expect(warnings).toEqual([
        [expect.objectContaining({ code, revertsActionId: 'contained-1' }), 'timed revert failed'],
      ]);
      expect(JSON.stringify(warnings)).not.toContain('secret');
      expect(counted).toBe('1');
    },
  );

  it.each([
    ['completed', end('completed', undefined, 'contained-1')],
    ['cancelled by somebody', end('cancelled', 1, 'contained-1')],
    ['superseded by something newer', end('failed', 7, 'contained-1')],
    ['refused, without a timer', end('failed', 4)],
  ])("is nobody's trouble when it was %s", async (_how, event) => {
    expect(await told(event)).toEqual({ warnings: [], counted: '0' });
  });

  it('is warned of when nobody knows what happened', async () => {
    const { warnings, counted } = await told(end('failed', 3));
    expect(warnings).toEqual([[expect.objectContaining({ code: 3 }), 'action failed']]);
    expect(counted).toBe('0');
  });
});

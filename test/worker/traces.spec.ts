import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Client, simulate } from '../support/client.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

const ROUTE = 'POST /beta/security/securityActions';
const CALL = 'execute SecurityActions/Simulator';

/** What a caller that traces its own work sends. */
function callersTrace() {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-01` } };
}

describe('traces', () => {
  let receiver: OtlpReceiver;
  let system: System;
  let client: Client;

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    system = await System.start({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
        LEASE_MS: '2000',
        LOG_LEVEL: 'debug',
      },
    });
    client = await system.client();
  });
  afterAll(async () => {
    await system?.stop();
    await receiver?.stop();
  });

  async function created(parameters: Record<string, string>, headers: Record<string, string>) {
    const answer = await client.create(simulate(parameters), headers);
    expect(answer.status).toBe(201);
    return answer.body.id;
  }

  /** The spans of a trace, once `enough` of the names are there. */
  const spansOf = (traceId: string, names: string[]) =>
    vi.waitFor(
      () => {
        const spans = receiver.spans.filter((span) => span.traceId === traceId);
        expect(spans.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
        return spans;
      },
      { timeout: 40_000, interval: 100 },
    );

  const only = (spans: ReceivedSpan[], name: string) => {
    const [span, ...others] = spans.filter((each) => each.name === name);
    expect(others).toEqual([]);
    return span!;
  };

  it('go from the caller through HTTP, Kafka and the worker to the provider, each below the one before', async () => {
    const caller = callersTrace();
    const id = await created({}, { ...caller.headers, 'client-request-id': 'req-1' });
    const names = [ROUTE, 'publish commands', 'ingest', 'claim', CALL, 'settle'];
    const spans = await spansOf(caller.traceId, names);
    const [http, publish, ingest, claim, call, settled] = names.map((name) => only(spans, name));
    expect(http).toMatchObject({
      service: 'security-actions-api',
      parentSpanId: caller.spanId,
      attributes: { 'http.response.status_code': 201, 'client-request-id': 'req-1' },
    });
    expect(publish).toMatchObject({
      service: 'security-actions-api',
      parentSpanId: http!.spanId,
    });
    expect(ingest).toMatchObject({
      service: 'security-actions-worker',
      parentSpanId: publish!.spanId,
      attributes: { 'action.id': id },
    });
    expect(claim!.parentSpanId).toBe(ingest!.spanId);
    expect(call).toMatchObject({
      parentSpanId: claim!.spanId,
      attributes: { 'action.id': id, 'attempt.number': 1, 'call.outcome': 'completed' },
    });
    expect(settled!.parentSpanId).toBe(claim!.spanId);
    const batch = receiver.spans.find(({ spanId }) => spanId === ingest!.links[0]?.spanId);
    expect(batch).toMatchObject({ name: 'ingest batch', service: 'security-actions-worker' });
    expect(receiver.headers['x-tenant']).toBe('blue');
    expect(system.effects().find(({ actionId }) => actionId === id)).toMatchObject({
      traceparent: `00-${caller.traceId}-${call!.spanId}-01`,
    });
  });

  it('reach those who read the events, to the last of them', async () => {
    const caller = callersTrace();
    const id = await created({}, caller.headers);
    const isMine = ({ headers }: { headers: Record<string, string> }) =>
      headers['ce_subject'] === id;
    const events = await readTopic(system, 'events', (all) => all.filter(isMine).length === 3);
    const traceparents = events
      .filter(isMine)
      .flatMap(({ headers }) => [headers['ce_traceparent'], headers['traceparent']]);
    expect(traceparents).toHaveLength(6);
    for (const traceparent of traceparents) expect(traceparent).toContain(caller.traceId);
  });

  it('name the attempts that failed, all in the one trace', async () => {
    const caller = callersTrace();
    await created({ failAttempts: '1' }, caller.headers);
    const twice = ['claim', CALL, 'settle'];
    const names = [ROUTE, 'publish commands', 'ingest', ...twice, ...twice];
    const calls = (await spansOf(caller.traceId, names)).filter(({ name }) => name === CALL);
    expect(calls.map(({ attributes, failed }) => [attributes['call.outcome'], failed])).toEqual([
      ['notDone', true],
      ['completed', false],
    ]);
  });

  it('go on after the worker was killed between the ingest and the call', async () => {
    const target = 'host-1';
    await created({ target, delayMs: '8000' }, {});
    const caller = callersTrace();
    const id = await created({ target }, caller.headers);
    const before = await spansOf(caller.traceId, [ROUTE, 'publish commands', 'ingest']);
    await system.workers[0]!.kill();
    await system.workers[0]!.restart();
    const names = [ROUTE, 'publish commands', 'ingest', 'claim', CALL, 'settle'];
    const spans = await spansOf(caller.traceId, names);
    expect(only(spans, 'claim').parentSpanId).toBe(only(before, 'ingest').spanId);
    const { body } = await client.get(id);
    expect(body.status).toBe('Completed' satisfies SecurityAction['status']);
  }, 90_000);

  it('have their id on the log lines about an action, which hold none of its parameters', async () => {
    const caller = callersTrace();
    const secret = randomBytes(8).toString('hex');
    const id = await created({ failAttempts: '99', target: secret }, caller.headers);
    const lines = await vi.waitFor(
      () => {
        const all = [system.apis[0]!, system.workers[0]!]
          .flatMap((app) => app.log().split('\n'))
          .filter((line) => line.startsWith('{') && line.includes(caller.traceId))
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        expect(all.map(({ msg }) => msg)).toContain('action failed');
        return all;
      },
      { timeout: 40_000, interval: 100 },
    );
    const failed = lines.find(({ msg }) => msg === 'action failed');
    expect(failed).toMatchObject({ level: 'warn', actionId: id, traceId: caller.traceId, code: 5 });
    expect(lines.find(({ msg }) => msg === 'request')).toMatchObject({ traceId: caller.traceId });
    const logs = [...system.apis, ...system.workers].map((app) => app.log()).join('\n');
    expect(logs).not.toContain(secret);
    expect(receiver.raw).not.toContain(secret);
  });
});

describe('without a collector', () => {
  let system: System;
  afterAll(() => system?.stop());

  it('an action has a trace id all the same, and its caller decides which', async () => {
    system = await System.start();
    const client = await system.client();
    const caller = callersTrace();
    const traced = await client.create(simulate(), caller.headers);
    const untraced = await client.create(simulate());
    const effectOf = (id: string) =>
      vi.waitFor(
        () => {
          const effect = system.effects().find(({ actionId }) => actionId === id);
          expect(effect).toBeDefined();
          return effect;
        },
        { timeout: 20_000, interval: 50 },
      );
    // Untouched: with no spans of our own, the caller's is the parent of whatever comes next.
    expect(await effectOf(traced.body.id)).toMatchObject(caller.headers);
    expect(await effectOf(untraced.body.id)).toMatchObject({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
    });
  });
});

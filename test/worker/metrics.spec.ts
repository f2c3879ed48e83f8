import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, simulate } from '../support/client.ts';
import { produce } from '../support/produce.ts';
import { System } from '../support/system.ts';

const SIMULATOR = 'provider="SecurityActions/Simulator",action="Simulate"';

describe('the metrics of a system at work', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start({ workers: 2, env: { METRICS_INTERVAL_MS: '200' } });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  /** Every series of all processes of a kind, the values of equal ones added up. */
  async function scrape(kind: 'apis' | 'workers'): Promise<Map<string, number>> {
    const sums = new Map<string, number>();
    for (const { adminUrl } of system[kind]) {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      for (const line of text.split('\n').filter((each) => each && !each.startsWith('#'))) {
        const space = line.lastIndexOf(' ');
        const series = line.slice(0, space);
        sums.set(series, (sums.get(series) ?? 0) + Number(line.slice(space + 1)));
      }
    }
    return sums;
  }

  const expectEventually = (kind: 'apis' | 'workers', expected: Record<string, number>) =>
    vi.waitFor(
      async () => {
        const found = await scrape(kind);
        const shown = Object.keys(expected).map((series) => [series, found.get(series)]);
        expect(Object.fromEntries(shown)).toEqual(expected);
      },
      { timeout: 30_000, interval: 100 },
    );

  it('count each action once and each of its calls, whatever became of it', async () => {
    await client.created(simulate());
    await client.created(simulate({ failAttempts: '2' }));
    await client.created(simulate({ outcome: 'Failed' }));
    await client.created(simulate({ outcome: 'Unknown' }, 'Strict Simulator'));
    await expectEventually('workers', {
      [`security_actions_ingested_total{${SIMULATOR}}`]: 3,
      [`security_actions_start_latency_seconds_count{${SIMULATOR}}`]: 3,
      [`security_actions_ended_total{${SIMULATOR},outcome="completed"}`]: 2,
      [`security_actions_ended_total{${SIMULATOR},outcome="providerRejected"}`]: 1,
      [`security_actions_end_latency_seconds_count{${SIMULATOR},outcome="completed"}`]: 2,
      'security_actions_ended_total{provider="SecurityActions/Strict Simulator",action="Simulate",outcome="outcomeUnknown"}': 1,
      [`security_actions_provider_calls_total{${SIMULATOR},call="execute",outcome="notDone"}`]: 2,
      [`security_actions_provider_calls_total{${SIMULATOR},call="execute",outcome="completed"}`]: 2,
      'security_actions_provider_call_duration_seconds_count{provider="SecurityActions/Simulator",call="execute"}': 5,
      'security_actions_provider_calls_in_flight{provider="SecurityActions/Simulator"}': 0,
      'security_actions_events_published_total{type="attemptFailed"}': 2,
      'security_actions_events_published_total{type="created"}': 4,
    });
    await expectEventually('apis', {
      [`security_actions_accepted_total{door="http",${SIMULATOR}}`]: 3,
      security_actions_publish_queue_messages: 0,
    });
  });

  it('tell how long the oldest has waited, and for what', async () => {
    const target = 'busy-host';
    const first = await client.created(simulate({ delayMs: '8000', target }));
    await client.created(simulate({ target }));
    await expectEventually('workers', {
      'security_actions_unfinished{state="leased"}': 1,
      'security_actions_unfinished{state="waiting"}': 1,
      'security_actions_provider_calls_in_flight{provider="SecurityActions/Simulator"}': 1,
    });
    await vi.waitFor(
      async () => {
        const found = await scrape('workers');
        for (const status of ['NotStarted', 'Running']) {
          expect(
            found.get(`security_actions_oldest_age_seconds{status="${status}"}`),
          ).toBeGreaterThan(0.5);
        }
      },
      { timeout: 7000, interval: 100 },
    );
    await client.cancel(first);
    await expectEventually('workers', {
      'security_actions_oldest_age_seconds{status="NotStarted"}': 0,
      'security_actions_oldest_age_seconds{status="Running"}': 0,
      security_actions_outbox_events: 0,
      security_actions_standing_holds: 0,
      security_actions_overdue_reverts: 0,
    });
  });

  it('share the places of a provider, and show no lag once everything is stored', async () => {
    await expectEventually('workers', {
      'security_actions_provider_slots{provider="SecurityActions/Simulator"}': 1024,
      'security_actions_circuit_open{provider="SecurityActions/Simulator"}': 0,
      'security_actions_commands_lag{partition="0"}': 0,
      'security_actions_commands_lag{partition="3"}': 0,
      'security_actions_requests_lag{partition="0"}': 0,
      'security_actions_database_connections{pool="main",state="waiting"}': 0,
    });
  });

  it('count what was accepted on Kafka under its door, and what is taken', async () => {
    const value = JSON.stringify(simulate());
    const authorization = `Bearer ${client.token}`;
    await produce(system, 'requests', [{ value, headers: { authorization } }, { value }]);
    await expectEventually('workers', {
      [`security_actions_accepted_total{door="kafka",${SIMULATOR}}`]: 1,
      'security_actions_dead_letters_total{topic="requests",code="InvalidAuthenticationToken"}': 1,
      'security_actions_requests_lag{partition="0"}': 0,
    });
  });

  it('count what cannot be used by its cause', async () => {
    await produce(system, 'commands', [{ key: 'k', value: 'no command' }]);
    await expectEventually('workers', {
      'security_actions_dead_letters_total{topic="commands",code="invalidRequest"}': 1,
    });
  });
});

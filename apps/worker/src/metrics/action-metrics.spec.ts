import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Catalogue } from '#providers/catalogue';
import { actionEntry, providerEntry } from '#providers/provider-entry.fixture';
import { ActionMetrics, PAIRS_AT_START_MAX } from './action-metrics.ts';

/** What a worker with these actions shows before anything has happened. */
async function shownAtStart(...actions: string[]): Promise<string[]> {
  const registry = new Registry();
  const entry = providerEntry({ actions: actions.map((name) => actionEntry(name)) });
  new ActionMetrics(registry, new Catalogue([entry]));
  return (await registry.metrics()).split('\n');
}

describe('the metrics of a worker that has just started', () => {
  it('show at 0 what alerts wait for, so that the first case is a growth', async () => {
    const shown = await shownAtStart('Block', 'Unblock');
    for (const labels of [
      'provider="Acme/Firewall",action="Block"',
      'provider="Acme/Firewall",action="Unblock"',
      'provider="Acme/Firewall",action="other"',
      'provider="other",action="other"',
    ]) {
      for (const outcome of ['outcomeUnknown', 'retriesExhausted', 'expired']) {
        expect(shown).toContain(`security_actions_ended_total{${labels},outcome="${outcome}"} 0`);
      }
    }
    expect(shown).toContain(
      'security_actions_dead_letters_total{topic="commands",code="invalidRequest"} 0',
    );
    expect(shown).toContain(
      'security_actions_dead_letters_total{topic="reports",code="itemNotFound"} 0',
    );
  });

  it('show no more than is bearable of a large catalogue', async () => {
    const names = Array.from({ length: PAIRS_AT_START_MAX + 1 }, (_, index) => `Act${index}`);
    const shown = await shownAtStart(...names);
    const unknown = shown.filter((line) => /^\w+_ended_total.*outcomeUnknown/.test(line));
    expect(unknown).toHaveLength(PAIRS_AT_START_MAX);
  });
});

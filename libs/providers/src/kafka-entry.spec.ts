import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadCatalogue } from './catalogue.ts';
import { dispatchTopic } from './kafka-entry.ts';

describe('a catalogue with Kafka providers', () => {
  const load = (...providers: object[]) => {
    const own = mkdtempSync(join(tmpdir(), 'kafka-entry-'));
    const file = join(own, 'providers.yaml');
    writeFileSync(file, stringify({ providers }));
    try {
      return loadCatalogue(file);
    } finally {
      rmSync(own, { recursive: true });
    }
  };
  const entry = (provider: string, more: object = {}) => ({
    vendor: 'Acme',
    provider,
    type: 'kafka',
    ...more,
  });

  it.each([
    ['Firewall', 'dispatch.firewall'],
    ['Host Guard 2', 'dispatch.host-guard-2'],
    ['  (EDR)_x.y ', 'dispatch.edr-x-y'],
    ['Türsteher', 'dispatch.t-rsteher'],
  ])('tells %j on %s', (provider, topic) => {
    expect(dispatchTopic({ provider })).toBe(topic);
  });

  it('names their topics, and no others', () => {
    const simulated = { vendor: 'Acme', provider: 'Other', type: 'simulated' };
    const { dispatchTopics } = load(entry('One'), simulated, entry('Two 2'));
    expect(dispatchTopics).toEqual(['dispatch.one', 'dispatch.two-2']);
  });

  it('is refused when two would share a topic, naming both', () => {
    expect(() => load(entry('Host Guard'), entry('host-guard', { vendor: 'Other' }))).toThrow(
      'providers.1.provider: Acme/Host Guard and Other/host-guard would share the topic dispatch.host-guard',
    );
  });

  it('is refused with all mistakes of its entries at once', () => {
    const bad = entry('???', { capabilities: { cancel: true, probe: true }, timeoutMs: 'long' });
    const mistakes = [
      'providers.0.provider: needs a letter a-z or a digit',
      'providers.0.capabilities.cancel: is not possible',
      'providers.0.capabilities.probe: is not possible',
      'providers.0.timeoutMs',
      'providers.1.provider: must not be longer than 100',
    ];
    const loading = () => load(bad, entry('x'.repeat(101)));
    for (const mistake of mistakes) expect(loading).toThrow(mistake);
  });
});

import { expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import { memoryBounds } from './memory-bounds.ts';

it('adds what the settings let a process hold to what it has at saturation', () => {
  const settings = loadSettings({
    BODY_BYTES_MAX: '65536',
    PUBLISH_QUEUE_BYTES_MAX: String(32 * 2 ** 20),
    BODY_BYTES_IN_FLIGHT_MAX: String(16 * 2 ** 20),
    INGEST_BATCH_MAX: '160',
    CALLS_IN_FLIGHT_MAX: '16',
    RELAY_BATCH_MAX: '16',
  });
  expect(memoryBounds(settings, 2000)).toEqual({ api: 220 + 32 + 16, worker: 260 + 12 });
  expect(memoryBounds(settings, 32).api).toBe(220 + 32 + 6);
});

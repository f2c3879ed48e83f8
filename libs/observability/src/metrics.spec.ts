import { NestFactory } from '@nestjs/core';
import { Registry } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { MetricsModule } from './metrics.ts';

describe('the metrics of a process', () => {
  it('do not wake it a hundred times a second to see how late it is', async () => {
    const context = await NestFactory.createApplicationContext(MetricsModule, { logger: false });
    const registry = context.get(Registry);
    const least = async () => {
      const metric = registry.getSingleMetric('nodejs_eventloop_lag_min_seconds')!;
      return (await metric.get()).values[0]!.value;
    };
    const measured = await vi.waitFor(
      async () => {
        // Measured and begun anew by the one without a further word.
        await registry.getSingleMetric('nodejs_eventloop_lag_seconds')!.get();
        const seconds = await least();
        // Of no looks at all it is as large as a number can be.
        expect(seconds).toBeLessThan(60);
        return seconds;
      },
      { timeout: 10_000, interval: 200 },
    );
    // A look takes as long as it waits; one that comes late makes the next one come early.
    expect(measured).toBeGreaterThan(0.02);
    await context.close();
  });
});

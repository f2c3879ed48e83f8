import type { Registry } from 'prom-client';
import { counter, gauge } from './metrics.ts';
import { droppedLines } from './standard-output.ts';

/** Messages that wait in a process for Kafka. */
interface Queue {
  readonly queuedMessages: number;
  readonly queuedBytes: number;
}

/**
 * What every process shows of itself, read when the metrics are: its publish queue, its pools of connections, and the log
 * lines that it lost.
 * @param pools by name, how many connections of each are in which state
 */
export function gaugeProcess(
  registry: Registry,
  queue: Queue,
  pools: Record<string, () => object>,
): void {
  gauge(registry, 'security_actions_publish_queue_messages', (messages) =>
    messages.set(queue.queuedMessages),
  );
  gauge(registry, 'security_actions_publish_queue_bytes', (bytes) => bytes.set(queue.queuedBytes));
  gauge(registry, 'security_actions_database_connections', (connections) => {
    for (const [pool, usage] of Object.entries(pools)) {
      for (const [state, count] of Object.entries(usage())) {
        connections.set({ pool, state }, Number(count));
      }
    }
  });
  counter(registry, 'security_actions_log_lines_dropped_total', droppedLines);
}

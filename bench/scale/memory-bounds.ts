import type { Settings } from '#config/settings';
import { MEMORY_MIB_MAX } from '../speed/targets.ts';

const MIB = 2 ** 20;
/** What the API counts a body for. */
const BODY_COPIES = 3;

/**
 * What a process may have in memory while more is asked of it than it can do, in MiB: what it has at saturation, and once
 * whatever its settings let it hold beside that.
 * @param connections each of which may have sent one body
 */
export function memoryBounds(
  settings: Settings,
  connections: number,
): { api: number; worker: number } {
  const bodies = (count: number) => (count * settings.BODY_BYTES_MAX) / MIB;
  return {
    api:
      MEMORY_MIB_MAX.api +
      settings.PUBLISH_QUEUE_BYTES_MAX / MIB +
      Math.min(BODY_COPIES * bodies(connections), settings.BODY_BYTES_IN_FLIGHT_MAX / MIB),
    worker:
      MEMORY_MIB_MAX.worker +
      bodies(settings.INGEST_BATCH_MAX + settings.CALLS_IN_FLIGHT_MAX + settings.RELAY_BATCH_MAX),
  };
}

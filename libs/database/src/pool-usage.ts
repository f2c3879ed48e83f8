import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

/** Connections of one pool, and the callers that wait for one. */
export interface PoolUsage {
  busy: number;
  idle: number;
  waiting: number;
}

/** How a pool is used at this moment. All 0 before it is connected for the first time. */
export function poolUsage({ driver }: DataSource): PoolUsage {
  const { master } = driver as { master?: Pool };
  if (!master) return { busy: 0, idle: 0, waiting: 0 };
  const { totalCount, idleCount, waitingCount } = master;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}

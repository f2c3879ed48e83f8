import type { Progress } from '../../dev/progress.ts';
import type { Services } from '../../dev/stack.ts';
import type { Servers } from '../speed/limits/limit.ts';
import type { Answer } from '../table.ts';
import type { ScaleSize } from './size.ts';

/** What a run stands on. */
export interface ScaleGround {
  services: Services;
  servers: Servers;
  progress: Progress;
  size: ScaleSize;
}

/** One thing that a system grows in, or is worn by. @throws when the product does what it must never do */
export type Question = (ground: ScaleGround) => Promise<Answer[]>;

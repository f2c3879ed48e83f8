import type { Services } from '../../dev/stack.ts';
import type { Servers } from './limits/limit.ts';
import type { Size } from './size.ts';

/** What a run stands on. */
export interface Ground {
  services: Services;
  servers: Servers;
  /** For files that nobody needs afterwards. */
  directory: string;
  size: Size;
}

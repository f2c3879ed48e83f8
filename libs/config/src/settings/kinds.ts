import { z } from 'zod';

/* The kinds of values of settings; what only one group has stands in its file. */

export const count = z.coerce.number().int().positive();
export const countFromZero = z.coerce.number().int().min(0);
/** A count that breaks a promise above `max`: `why` says which. */
export const countUpTo = (max: number, why: string) =>
  count.max(max, `must be at most ${max}: ${why}`);
/** Beyond this a timer of Node fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
export const milliseconds = z.coerce.number().int().positive().max(TIMER_MS_MAX);
export const text = z.string().min(1);
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
/** A path, from where the process was started. */
export const file = z.string().min(1);
export const list = text
  .regex(/^\s*[^,\s]+(?:\s*,\s*[^,\s]+)*\s*$/, 'must be values separated by commas')
  .transform((value) => value.split(',').map((item) => item.trim()));

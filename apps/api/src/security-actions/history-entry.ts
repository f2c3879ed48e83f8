import { z } from 'zod';
import { EVENT_TYPES, type EventType } from '#domain/event';
import { resultInfoSchema } from '#domain/security-action';
import { STATUSES } from '#domain/status';

/** One event of an action, as `/history` shows it. */
export const historyEntrySchema = z.object({
  sequence: z.int().describe('1, 2, 3 … without gaps.'),
  dateTime: z.iso.datetime(),
  type: z.enum(Object.keys(EVENT_TYPES) as EventType[]),
  status: z.enum(STATUSES).describe('The status after it.'),
  attempt: z.int().nullable().describe('Which attempt to reach the provider it is about, from 1.'),
  attemptId: z.string().nullable(),
  appId: z.string().nullable().describe('Who did it; null for what the service does by itself.'),
  user: z.string().nullable(),
  errorInfo: resultInfoSchema.nullable(),
});

export type HistoryEntry = z.infer<typeof historyEntrySchema>;

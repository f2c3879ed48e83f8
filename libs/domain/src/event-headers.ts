import { z } from 'zod';

/** The headers of a message on the events topic: CloudEvents 1.0 over Kafka, binary mode. All of them are text. */
export const eventHeadersSchema = z.object({
  'content-type': z.literal('application/json'),
  ce_specversion: z.literal('1.0'),
  ce_id: z.string().describe('Of the event: a repeat has the same.'),
  ce_source: z.literal('/security/securityActions'),
  ce_type: z
    .string()
    .regex(/^securityActions\.[a-zA-Z]+$/)
    .describe('What happened.'),
  ce_subject: z.string().describe('The id of the action.'),
  ce_time: z.iso.datetime().describe('When it happened.'),
  ce_tenantid: z.string().describe("The action's tenant."),
  ce_sequence: z
    .string()
    .regex(/^[1-9]\d*$/)
    .describe('1, 2, 3 … for one action, without gaps: keep what has the highest.'),
  ce_clientrequestid: z
    .string()
    .describe('The `client-request-id` of the create, if it had one.')
    .optional(),
  'client-request-id': z.string().describe('The same, as it was sent.').optional(),
  ce_traceparent: z.string().describe('The trace that the action belongs to.').optional(),
  traceparent: z.string().describe('The same, where tracing of Kafka clients looks.').optional(),
});

export type EventHeaders = z.infer<typeof eventHeadersSchema>;

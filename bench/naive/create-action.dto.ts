import { z } from 'zod';

export const createActionSchema = z.object({
  name: z.string().min(1),
  parameters: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
  vendorInformation: z.object({ vendor: z.string(), provider: z.string() }),
});

export type CreateActionDto = z.infer<typeof createActionSchema>;

/** What travels through Kafka. */
export interface ActionMessage extends CreateActionDto {
  id: string;
  createdDateTime: string;
}

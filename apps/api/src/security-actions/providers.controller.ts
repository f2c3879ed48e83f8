import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { Catalogue } from '#providers/catalogue';
import { PARAMETER_TYPES } from '#providers/parameter-types';
import { capabilitiesSchema } from '#providers/provider-fields';
import { RequireRole } from '../auth/access.ts';
import { graphPaths } from '../http/graph-paths.ts';

/** A provider as callers may know it: how it is reached is not their business. */
export const providerSchema = z.object({
  vendor: z.string(),
  provider: z.string(),
  aliases: z.array(z.string()).describe('Other names for it.'),
  type: z.string().describe('How it is reached.'),
  capabilities: capabilitiesSchema,
  actions: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      target: z
        .string()
        .nullable()
        .describe('The parameter that names what is acted on; actions on one target run in order.'),
      revert: z.string().nullable().describe('The action that undoes it.'),
      parameters: z.array(
        z.object({
          name: z.string(),
          type: z.enum(PARAMETER_TYPES),
          required: z.boolean(),
          description: z.string().nullable(),
          pattern: z.string().describe('What the whole value must match.').optional(),
        }),
      ),
    }),
  ),
});

/** The catalogue, so that nobody has to guess what there is: Graph never had such a list. */
@Controller(graphPaths('security/securityActionProviders'))
export class ProvidersController {
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  @Get()
  @RequireRole('read')
  list(): { value: z.infer<typeof providerSchema>[] } {
    return {
      value: this.#catalogue.providers.map((entry) => ({
        vendor: entry.vendor,
        provider: entry.provider,
        aliases: entry.aliases,
        type: entry.type,
        capabilities: entry.capabilities,
        actions: entry.actions.map((action) => ({
          name: action.name,
          description: action.description,
          target: action.target ?? null,
          revert: action.revert ?? null,
          parameters: action.parameters.map((parameter) => ({
            name: parameter.name,
            type: parameter.pattern === undefined ? parameter.type : 'string',
            required: parameter.required,
            description: parameter.description ?? null,
            ...(parameter.pattern !== undefined && { pattern: parameter.pattern }),
          })),
        })),
      })),
    };
  }
}

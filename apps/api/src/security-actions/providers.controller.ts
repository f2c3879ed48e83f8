import { Controller, Get } from '@nestjs/common';
import { Catalogue } from '#providers/catalogue';
import { RequireRole } from '../auth/access.ts';
import { graphPaths } from '../http/graph-paths.ts';

/** The catalogue, so that nobody has to guess what there is: Graph never had such a list. */
@Controller(graphPaths('security/securityActionProviders'))
export class ProvidersController {
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  @Get()
  @RequireRole('read')
  list() {
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

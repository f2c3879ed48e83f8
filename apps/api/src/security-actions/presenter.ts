import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type ActionRow, toSecurityAction, waitingFor } from '#database/action-row';
import { resultInfoSchema, securityActionSchema, stateSchema } from '#domain/security-action';
import { Catalogue } from '#providers/catalogue';
import type { RequestContext } from '../http/request-context.ts';
import { type Revision, etagOf } from './etag.ts';

export const SECURITY_ACTIONS = 'security/securityActions';

/** The resource as an answer shows it: with its ETag, and with what it waits for. */
export const presentedActionSchema = securityActionSchema.extend({
  '@odata.etag': z.string(),
  waitingFor: z
    .string()
    .describe(
      'Why an unfinished action is not with its provider: `slot`, `retry`, `report`, `provider`, `hold:` and the id ' +
        'of a hold, or `target:` and the id of the action before it.',
    )
    .optional(),
  reportedAfterwards: stateSchema
    .omit({ updatedDateTime: true })
    .extend({ errorInfo: resultInfoSchema.nullable(), dateTime: z.iso.datetime() })
    .describe('What its provider said of an action that had ended with an unknown outcome.')
    .optional(),
  revertDateTime: z.iso
    .datetime()
    .describe('When it is undone by itself, or was; absent until its end for a revertAfter.')
    .optional(),
  revertAfter: z.string().describe('How long after its end, as it was asked for.').optional(),
  revertsActionId: z.string().describe('The action that this one undoes.').optional(),
  revertedByActionId: z.string().describe('The action that undoes this one.').optional(),
});

export type PresentedAction = z.infer<typeof presentedActionSchema>;

/** Turns rows into answers. */
@Injectable()
export class Presenter {
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  resource(row: ActionRow): PresentedAction {
    const revision = this.revision(row);
    return {
      '@odata.etag': etagOf(revision),
      ...toSecurityAction(row),
      ...(revision.waitingFor !== null && { waitingFor: revision.waitingFor }),
    };
  }

  /** The answer that is one action: annotated with its context, its ETag also as a header. */
  entity(row: ActionRow, context: RequestContext, reply: FastifyReply) {
    const resource = this.resource(row);
    reply.header('ETag', resource['@odata.etag']);
    return { '@odata.context': `${metadataOf(context)}/$entity`, ...resource };
  }

  revision(row: ActionRow): Revision {
    const isKnown = (key: string) => this.#catalogue.get(key) !== undefined;
    return { version: row.version, waitingFor: waitingFor(row, isKnown) };
  }
}

/** The address of the collection, under the base the client used. */
export function addressOf({ origin, base }: RequestContext): string {
  return `${origin}${base}/${SECURITY_ACTIONS}`;
}

/** The context of an answer: which part of the metadata describes it. */
export function metadataOf({ origin, base }: RequestContext): string {
  return `${origin}${base}/$metadata#${SECURITY_ACTIONS}`;
}

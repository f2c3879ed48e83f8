import { ApiError } from '#domain/errors';
import type { HoldRequest } from '#domain/hold';
import { fold } from './action-entry.ts';
import { type Catalogue, providerKey } from './catalogue.ts';
import { findProvider, suggested } from './resolve.ts';

/** What a hold covers, as the catalogue spells it; null is everything. */
export interface Scope {
  providerKey: string | null;
  actionName: string | null;
}

/**
 * Finds the provider and the action that a hold names, as a create does: without case, and by alias.
 * @throws ApiError `unknownProvider` or `unknownAction`, saying what would be right: a hold of a name that is misspelt
 * would stop nothing.
 */
export function resolveScope(
  catalogue: Catalogue,
  { vendor, provider, name }: Pick<HoldRequest, 'vendor' | 'provider' | 'name'>,
): Scope {
  const entry = provider === null ? null : findProvider(catalogue, { vendor, provider }, '');
  const entries = entry === null ? catalogue.providers : [entry];
  return {
    providerKey: entry && providerKey(entry),
    actionName: name === null ? null : findName(entries, name),
  };
}

function findName(entries: Catalogue['providers'], name: string): string {
  const known = entries.flatMap(({ actions }) => actions.map((action) => action.name));
  const match = known.find((each) => fold(each) === fold(name));
  if (match !== undefined) return match;
  if (entries.some(({ allowUnknownActions }) => allowUnknownActions)) return name;
  throw new ApiError(
    'unknownAction',
    `unknown action '${name}'; ${suggested(name, [...new Set(known)])}`,
    {
      target: 'name',
    },
  );
}

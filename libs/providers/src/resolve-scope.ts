import { ApiError } from '#domain/errors';
import type { HoldRequest } from '#domain/hold';
import { fold } from './action-entry.ts';
import { type Catalogue, type ProviderEntry, providerKey } from './catalogue.ts';
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
  return {
    providerKey: entry && providerKey(entry),
    actionName: name === null ? null : findName(catalogue, entry, name),
  };
}

/** Without a provider a name must be listed, or one provider that takes any would let every misspelt one pass. */
function findName(catalogue: Catalogue, entry: ProviderEntry | null, name: string): string {
  const entries = entry === null ? catalogue.providers : [entry];
  const known = entries.flatMap(({ actions }) => actions.map((action) => action.name));
  const match = known.find((each) => fold(each) === fold(name));
  if (match !== undefined) return match;
  if (entry?.allowUnknownActions) return name;
  const remedy = entries.some(({ allowUnknownActions }) => allowUnknownActions)
    ? '; one that the catalogue does not list takes a provider beside it'
    : '';
  throw new ApiError(
    'unknownAction',
    `unknown action '${name}'; ${suggested(name, [...new Set(known)])}${remedy}`,
    { target: 'name' },
  );
}

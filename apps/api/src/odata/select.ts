import { QUERY_LIMITS } from '#domain/list-query';
import { refused, shown } from './refusal.ts';

/** A name, or a property of a complex one: what may stand in `@odata.context` too. */
const PATH = /^[\p{L}_][\p{L}\p{N}_]{0,127}(?:\/[\p{L}_][\p{L}\p{N}_]{0,127})?$/u;

/** What a client wants to see of each action; null: all of it. */
export type Selection = readonly string[] | null;

/**
 * Reads $select. A name that no action has is no fault: the type is open, and the property simply absent.
 * @throws ApiError `invalidRequest` with target `$select`
 */
export function parseSelect(text: string | undefined): Selection {
  if (text === undefined) return null;
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const wrong = names.find((name) => name !== '*' && !PATH.test(name));
  if (wrong !== undefined) throw refused('$select', `has ${shown(wrong)}, which is no property`);
  const { selectNamesMax } = QUERY_LIMITS;
  if (names.length > selectNamesMax) {
    throw refused('$select', `has more than ${selectNamesMax} properties`);
  }
  return names.includes('*') ? null : names;
}

/** What follows the collection in `@odata.context`: `(id,name)`. */
export function selectionContext(selection: Selection): string {
  return selection === null ? '' : `(${selection.join(',')})`;
}

/** The selected properties, in the order of the resource; annotations (`@odata.…`) stay. */
export function selectFrom<T extends object>(resource: T, selection: Selection): Partial<T> {
  if (selection === null) return resource;
  const selected = Object.entries(resource).flatMap(([name, value]: [string, unknown]) => {
    if (name.startsWith('@') || selection.includes(name)) return [[name, value]];
    const parts = selection
      .filter((path) => path.startsWith(`${name}/`))
      .map((path) => path.slice(name.length + 1));
    return parts.length > 0 ? [[name, partsOf(value, parts)]] : [];
  });
  return Object.fromEntries(selected) as Partial<T>;
}

/** Some properties of a complex value, or of each value of a collection. */
function partsOf(value: unknown, parts: string[]): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => partsOf(item, parts));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => parts.includes(name)));
}

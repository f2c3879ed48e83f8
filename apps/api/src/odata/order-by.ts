import { ACTION_PROPERTIES, type OrderStep, QUERY_LIMITS } from '#domain/list-query';
import { findActionPath } from './filter-operands.ts';
import { known, refused, shown } from './refusal.ts';

const STEP = /^(?<path>\S+)(?:\s+(?<direction>asc|desc))?$/i;

/**
 * Reads $orderby: properties, each with `asc` (the default) or `desc`.
 * @throws ApiError `invalidRequest` with target `$orderby`
 */
export function parseOrderBy(text: string): OrderStep[] {
  const steps = text.split(',').map((step) => parseStep(step.trim()));
  const { orderStepsMax } = QUERY_LIMITS;
  if (steps.length > orderStepsMax) {
    throw refused('$orderby', `has more than ${orderStepsMax} properties`);
  }
  const twice = steps.find(({ path }, index) => steps.findIndex((s) => s.path === path) < index);
  if (twice) throw refused('$orderby', `has ${shown(twice.path)} twice`);
  return steps;
}

function parseStep(text: string): OrderStep {
  const groups = STEP.exec(text)?.groups;
  if (groups === undefined) {
    throw refused('$orderby', `has ${shown(text)}, which is no property with 'asc' or 'desc'`);
  }
  const path = findActionPath(groups['path']!);
  if (path === undefined) {
    const all = known(Object.keys(ACTION_PROPERTIES));
    throw refused('$orderby', `has an unknown property ${shown(groups['path']!)}; ${all}`);
  }
  return { path, descending: groups['direction']?.toLowerCase() === 'desc' };
}

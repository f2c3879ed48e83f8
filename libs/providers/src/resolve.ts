import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import type { CreateRequest } from '#domain/create-request';
import { invalidRequest } from '#domain/create-request';
import { ApiError, type ErrorDetail } from '#domain/errors';
import { deriveId } from '#domain/ids';
import type { KeyValuePair } from '#domain/security-action';
import { type ActionEntry, type ParameterEntry, fold } from './action-entry.ts';
import { type Catalogue, type ProviderEntry, providerKey } from './catalogue.ts';
import { canonicalValue, expectedValue } from './parameter-types.ts';
import { capabilitiesSchema } from './provider-fields.ts';
import { revertOf } from './revert-action.ts';

/** Where a create goes: the provider and action as the catalogue spells them, and what it acts on. */
export interface Resolution {
  provider: { key: string; action: string };
  /** The target in its canonical form; null when the action names none. */
  target: string | null;
}

/**
 * Finds the provider and action of a create and checks its parameters.
 * @throws ApiError `unknownProvider`, `unknownAction` or `invalidRequest`, saying what would be right.
 */
export function resolveAction(catalogue: Catalogue, request: CreateRequest): Resolution {
  const provider = findProvider(catalogue, request.vendorInformation);
  const action = provider.actions.find(({ name }) => fold(name) === fold(request.name));
  const key = providerKey(provider);
  if (!action) {
    if (provider.allowUnknownActions) {
      refuseTimer(request, noRevertOf(request.name, key));
      return { provider: { key, action: request.name }, target: null };
    }
    throw new ApiError(
      'unknownAction',
      `unknown action '${request.name}' of ${key}; ${suggested(
        request.name,
        provider.actions.map((entry) => entry.name),
      )}`,
      { target: 'name' },
    );
  }
  const target = checkParameters(action, request.parameters, provider.allowUnknownActions);
  refuseTimer(request, whyNoRevert(provider, action.name, target));
  return { provider: { key, action: action.name }, target };
}

/** Why an action can have no revert: the catalogue has none, or there is no target to revert it on. */
export function whyNoRevert(
  provider: ProviderEntry,
  actionName: string,
  target: string | null,
): string | null {
  if (!revertOf(provider, actionName)) return noRevertOf(actionName, providerKey(provider));
  return target === null ? `${actionName} was given no target to be reverted on` : null;
}

function noRevertOf(actionName: string, key: string): string {
  return `the catalogue has no revert for ${actionName} of ${key}; leave it out`;
}

function refuseTimer(request: CreateRequest, reason: string | null): void {
  const target = request.revertDateTime === null ? 'revertAfter' : 'revertDateTime';
  if (reason === null || request[target] === null) return;
  throw invalidRequest([{ code: 'invalidRequest', target, message: reason }]);
}

/** What a create of a request would do, for a dry run. */
export const planSchema = z.object({
  vendorInformation: z.object({ vendor: z.string(), provider: z.string() }),
  name: z.string(),
  description: z.string(),
  target: z
    .string()
    .nullable()
    .describe('What it acts on, in the form by which targets are compared.'),
  revert: z.string().nullable().describe('The action that would undo it.'),
  revertDateTime: z.iso.datetime().nullable().describe('When that would happen by itself.'),
  revertAfter: z.string().nullable().describe('The same, counted from its end.'),
  capabilities: capabilitiesSchema,
});

export type Plan = z.infer<typeof planSchema>;

/** @throws ApiError as `resolveAction` */
export function planOf(catalogue: Catalogue, request: CreateRequest): Plan {
  const { provider, target } = resolveAction(catalogue, request);
  const entry = catalogue.get(provider.key)!;
  const action = entry.actions.find(({ name }) => name === provider.action);
  return {
    vendorInformation: { vendor: entry.vendor, provider: entry.provider },
    name: provider.action,
    description: action?.description ?? '',
    target,
    revert: action?.revert ?? null,
    revertDateTime: request.revertDateTime,
    revertAfter: request.revertAfter,
    capabilities: entry.capabilities,
  };
}

/** Actions with an equal key run one after the other; null when nothing orders the action. */
export function targetKey(tenantId: string, { provider, target }: Resolution): string | null {
  return target === null ? null : deriveId(tenantId, provider.key, target);
}

/**
 * Finds a provider by its name or an alias, without case.
 * @param parent the path of the names in the request, for errors
 * @throws ApiError `unknownProvider`, saying what would be right
 */
export function findProvider(
  { providers }: Catalogue,
  { vendor, provider }: Pick<CreateRequest['vendorInformation'], 'vendor' | 'provider'>,
  parent = 'vendorInformation.',
): ProviderEntry {
  const matches = providers.filter(
    (entry) =>
      (vendor === null || fold(entry.vendor) === fold(vendor)) &&
      [entry.provider, ...entry.aliases].some((name) => fold(name) === fold(provider ?? '')),
  );
  const [match] = matches;
  if (match && matches.length === 1) return match;
  if (match) {
    throw new ApiError(
      'unknownProvider',
      `several vendors have a provider '${provider}'; name one of: ${listed(matches.map((entry) => entry.vendor))}`,
      { target: `${parent}vendor` },
    );
  }
  const asked = [vendor, provider].filter((name) => name !== null).join('/');
  const known = suggested(asked, providers.map(providerKey));
  throw new ApiError('unknownProvider', `unknown provider '${asked}'; ${known}`, {
    target: `${parent}provider`,
  });
}

function checkParameters(
  action: ActionEntry,
  given: KeyValuePair[],
  allowUnknown: boolean,
): string | null {
  const faults: ErrorDetail[] = [];
  const refuse = (target: string, message: string) =>
    faults.push({ code: 'invalidRequest', target, message });
  const seen = new Set<string>();
  let target: string | null = null;
  given.forEach(({ name, value }, index) => {
    const parameter = action.parameters.find((entry) => fold(entry.name) === fold(name));
    if (seen.has(fold(name))) refuse(`parameters[${index}].name`, `'${name}' is given twice`);
    seen.add(fold(name));
    if (!parameter) {
      if (allowUnknown) return;
      const known = suggested(
        name,
        action.parameters.map((entry) => entry.name),
      );
      refuse(`parameters[${index}].name`, `unknown parameter '${name}'; ${known}`);
      return;
    }
    const canonical = canonicalOf(parameter, value);
    if (canonical === undefined) {
      refuse(
        `parameters[${index}].value`,
        `'${parameter.name}' must be ${expectationOf(parameter)}`,
      );
    } else if (fold(parameter.name) === fold(action.target ?? '')) {
      target = canonical;
    }
  });
  for (const parameter of action.parameters) {
    if (parameter.required && !seen.has(fold(parameter.name))) {
      refuse('parameters', `'${parameter.name}' is required: ${expectationOf(parameter)}`);
    }
  }
  if (faults.length > 0) throw invalidRequest(faults);
  return target;
}

/** An absent value of an optional parameter passes as null. */
function canonicalOf(parameter: ParameterEntry, value: string | null): string | null | undefined {
  if (value === null) return parameter.required ? undefined : null;
  if (parameter.pattern === undefined) return canonicalValue(parameter.type, value);
  return new RegExp(`^(?:${parameter.pattern})$`, 'u').test(value) ? value : undefined;
}

function expectationOf({ type, pattern }: ParameterEntry): string {
  return pattern === undefined ? expectedValue(type) : `a text that matches ${pattern}`;
}

/** The nearest known name, if it is near, and then what is known. */
export function suggested(asked: string, known: string[]): string {
  const nearest = known.length > 0 ? closest(fold(asked), known.map(fold)) : undefined;
  const isNear = nearest !== undefined && distance(fold(asked), nearest) <= asked.length / 3;
  const name = isNear && known.find((entry) => fold(entry) === nearest);
  return `${name ? `did you mean '${name}'? ` : ''}known: ${listed(known)}`;
}

function listed(names: string[]): string {
  const shown = names.slice(0, 20).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown || '(none)';
}

import type { KeyValuePair } from '#domain/security-action';
import type { ParameterType } from './parameter-types.ts';

/** What of a catalogue action matters to its revert. */
interface RevertEnd {
  name: string;
  target?: string | undefined;
  revert?: string | undefined;
  parameters: {
    name: string;
    type: ParameterType;
    pattern?: string | undefined;
    required: boolean;
  }[];
}

/** The action that undoes another of the same provider; undefined if the catalogue has none (any more). */
export function revertOf<T extends RevertEnd>(
  provider: { actions: readonly T[] } | undefined,
  actionName: string,
): T | undefined {
  const action = provider?.actions.find(({ name }) => isSame(name, actionName));
  return provider?.actions.find(({ name }) => action?.revert && isSame(name, action.revert));
}

/** Of the parameters of an action those that its revert takes. */
export function revertParameters(revert: RevertEnd, parameters: KeyValuePair[]): KeyValuePair[] {
  return parameters.filter((given) =>
    revert.parameters.some(({ name }) => isSame(name, given.name)),
  );
}

/**
 * Why a revert cannot be made of the parameters of every action that names it; empty when it can. A worker makes it
 * when nobody is there to add what is missing.
 */
export function faultsOfRevert(action: RevertEnd, revert: RevertEnd): string[] {
  const faults: string[] = [];
  for (const parameter of revert.parameters) {
    const own = action.parameters.find(({ name }) => isSame(name, parameter.name));
    const isTarget = isSame(parameter.name, action.target ?? '');
    if (own && (own.type !== parameter.type || own.pattern !== parameter.pattern)) {
      faults.push(`${revert.name} takes ${parameter.name} as another type or pattern`);
    } else if (parameter.required && !own?.required && !(own && isTarget)) {
      faults.push(`${revert.name} requires ${parameter.name}, which is not required here`);
    }
  }
  if (!isSame(action.target ?? '', revert.target ?? '')) {
    faults.push(`${revert.name} has another target`);
  }
  return faults;
}

function isSame(name: string, other: string): boolean {
  return name.toLowerCase() === other.toLowerCase();
}

import { z } from 'zod';
import { PARAMETER_TYPES } from './parameter-types.ts';
import { faultsOfRevert, revertOf } from './revert-action.ts';

/* What a provider of the catalogue can do: its actions and their parameters, the same for every type. */

const parameterSchema = z
  .strictObject({
    name: z.string().min(1),
    type: z.enum(PARAMETER_TYPES).default('string'),
    required: z.boolean().default(false),
    description: z.string().optional(),
    /** A regular expression the whole value must match, in place of a type. */
    pattern: z.string().optional(),
  })
  .refine(({ pattern }) => pattern === undefined || isRegularExpression(pattern), {
    path: ['pattern'],
    message: 'is not a regular expression',
  });

export const actionSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(''),
  /** The parameter that names what is acted on: actions with the same target run one after the other. */
  target: z.string().optional(),
  /** The action that undoes this one. */
  revert: z.string().optional(),
  parameters: z.array(parameterSchema).max(100).default([]),
});

export type ActionEntry = z.infer<typeof actionSchema>;
export type ParameterEntry = z.infer<typeof parameterSchema>;

/** Names match without case, as Graph's own replies spell them either way. */
export function fold(name: string): string {
  return name.toLowerCase();
}

/** What is wrong among the actions of one provider, each well-formed by itself; `refuse` is told. */
export function refuseInconsistentActions(
  actions: readonly ActionEntry[],
  refuse: (path: PropertyKey[], message: string) => void,
): void {
  const known = actions.map((action) => fold(action.name));
  actions.forEach((action, index) => {
    if (known.indexOf(fold(action.name)) !== index) refuse(['actions', index], 'is listed twice');
    const parameters = action.parameters.map((parameter) => fold(parameter.name));
    if (new Set(parameters).size < parameters.length) {
      refuse(['actions', index, 'parameters'], 'a name is listed twice');
    }
    if (action.target && !parameters.includes(fold(action.target))) {
      refuse(['actions', index, 'target'], `${action.target} is none of its parameters`);
    }
    if (action.revert && !known.includes(fold(action.revert))) {
      refuse(['actions', index, 'revert'], `${action.revert} is none of its provider's actions`);
    }
    const revert = revertOf({ actions }, action.name);
    if (!revert) return;
    for (const fault of faultsOfRevert(action, revert)) refuse(['actions', index, 'revert'], fault);
  });
}

function isRegularExpression(source: string): boolean {
  try {
    return Boolean(new RegExp(source, 'u'));
  } catch {
    return false;
  }
}

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { PARAMETER_TYPES } from './parameter-types.ts';

/*
 * The provider catalogue: which products can act, what each can do, and with which parameters. One YAML file,
 * read at start by both apps; the shipped one is config/providers.yaml.
 */

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

const actionSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(''),
  /** The parameter that names what is acted on: actions with the same target run one after the other. */
  target: z.string().optional(),
  /** The action that undoes this one. */
  revert: z.string().optional(),
  parameters: z.array(parameterSchema).max(100).default([]),
});

export const capabilitiesSchema = z.strictObject({
  idempotent: z
    .boolean()
    .default(false)
    .describe('A repeat with the same idempotency key has no second effect.'),
  cancel: z.boolean().default(false).describe('A call under way can be taken back.'),
  probe: z.boolean().default(false).describe('It can be asked what became of an action.'),
});

const providerSchema = z.strictObject({
  vendor: z.string().min(1).max(256),
  provider: z.string().min(1).max(256),
  aliases: z.array(z.string().min(1)).default([]),
  type: z.enum(['simulated']),
  capabilities: capabilitiesSchema.prefault({}),
  /** Longest wait for one answer; a call that takes longer may have acted. */
  timeoutMs: z.int().positive().max(600_000).default(10_000),
  retry: z
    .strictObject({
      attemptsMax: z.int().positive().max(100).default(3),
      backoffMs: z.int().positive().max(86_400_000).default(500),
      backoffMsMax: z.int().positive().max(86_400_000).default(30_000),
    })
    .prefault({}),
  /** How long an action waits for a provider that cannot be reached; then it is Failed, code 6. */
  queueTimeoutMs: z.int().positive().max(2_592_000_000).default(86_400_000),
  /** How long a provider that has taken an action over may stay silent about it. */
  reportTimeoutMs: z.int().positive().max(2_592_000_000).default(3_600_000),
  /** Calls of all workers to this provider at once. */
  concurrencyMax: z.int().positive().max(100_000).default(64),
  /** Who alone may report about its actions, of whatever tenant; else any app of the action's tenant. */
  reporters: z
    .array(z.strictObject({ tenant: z.string(), app: z.string() }))
    .max(100)
    .optional(),
  /** Any action name and any parameters pass, beside the listed ones. */
  allowUnknownActions: z.boolean().default(false),
  actions: z.array(actionSchema).max(1000).default([]),
});

/** zod would else keep these back until every entry is well-formed. */
const ALSO_BESIDE_OTHER_MISTAKES = {
  when: ({ value }: { value: unknown }) =>
    z.looseObject({ providers: z.array(z.unknown()) }).safeParse(value).success,
};

const catalogueSchema = z
  .strictObject({ providers: z.array(providerSchema).min(1).max(1000) })
  .superRefine(({ providers }, context) => {
    const refuse = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path: ['providers', ...path], message });
    const names = new Set<string>();
    providers.forEach((entry, index) => {
      if (!providerSchema.safeParse(entry).success) return; // Its mistakes are listed already.
      for (const name of [entry.provider, ...entry.aliases]) {
        const full = fold(`${entry.vendor}/${name}`);
        if (names.has(full)) refuse([index], `${entry.vendor}/${name} is listed twice`);
        names.add(full);
      }
      refuseInconsistentActions(entry, (path, message) => refuse([index, ...path], message));
    });
  }, ALSO_BESIDE_OTHER_MISTAKES);

export type ProviderEntry = z.infer<typeof providerSchema>;
export type ActionEntry = z.infer<typeof actionSchema>;
export type ParameterEntry = z.infer<typeof parameterSchema>;

/** What an operator configured, in the order of the file. */
export class Catalogue {
  readonly providers: readonly ProviderEntry[];

  constructor(providers: readonly ProviderEntry[]) {
    this.providers = providers;
  }

  /** The entry with this key (`vendor/provider` as the file spells it), if this process has it. */
  get(key: string): ProviderEntry | undefined {
    return this.providers.find((entry) => providerKey(entry) === key);
  }
}

/** The name under which an entry travels in commands and stands in rows. */
export function providerKey({ vendor, provider }: ProviderEntry): string {
  return `${vendor}/${provider}`;
}

/** Names match without case, as Graph's own replies spell them either way. */
export function fold(name: string): string {
  return name.toLowerCase();
}

/** @throws Error that lists every mistake of the file at once, one a line. */
export function loadCatalogue(path: string): Catalogue {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`PROVIDERS_FILE ${path} cannot be read: ${(error as Error).message}`);
  }
  const parsed = catalogueSchema.safeParse(content);
  if (parsed.success) return new Catalogue(parsed.data.providers);
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`PROVIDERS_FILE ${path} has mistakes:\n${lines.join('\n')}`);
}

function refuseInconsistentActions(
  { actions }: ProviderEntry,
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
  });
}

function isRegularExpression(source: string): boolean {
  try {
    return Boolean(new RegExp(source, 'u'));
  } catch {
    return false;
  }
}

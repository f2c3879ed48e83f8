import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { fold, refuseInconsistentActions } from './action-entry.ts';
import { dispatchTopic, kafkaSchema } from './kafka-entry.ts';
import { providerFields } from './provider-fields.ts';
import { type SecretReader, mistakesAround, webhookSchema } from './webhook-entry.ts';

/*
 * The provider catalogue: which products can act, what each can do, and with which parameters. One YAML file,
 * read at start by both apps; the shipped one is config/providers.yaml.
 */

const simulatedSchema = z.strictObject({ ...providerFields, type: z.literal('simulated') });

/** A new type is a line here and a file like webhook-entry.ts. */
const providerSchema = z.discriminatedUnion('type', [simulatedSchema, webhookSchema, kafkaSchema], {
  error: ({ code }) =>
    code === 'invalid_union' ? 'must be simulated, webhook or kafka' : undefined,
});

/** zod would else keep these back until every entry is well-formed. */
const ALSO_BESIDE_OTHER_MISTAKES = {
  when: ({ value }: { value: unknown }) => looseSchema.safeParse(value).success,
};

/** A file of which some entries may be wrong. */
const looseSchema = z.looseObject({ providers: z.array(z.unknown()) });

const catalogueSchema = z
  .strictObject({ providers: z.array(providerSchema).min(1).max(1000) })
  .superRefine(({ providers }, context) => {
    const refuse = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path: ['providers', ...path], message });
    const names = new Set<string>();
    const byTopic = new Map<string, string>();
    providers.forEach((entry, index) => {
      if (!providerSchema.safeParse(entry).success) return; // Its mistakes are listed already.
      for (const name of [entry.provider, ...entry.aliases]) {
        const full = fold(`${entry.vendor}/${name}`);
        if (names.has(full)) refuse([index], `${entry.vendor}/${name} is listed twice`);
        names.add(full);
      }
      if (entry.type === 'kafka') {
        const topic = dispatchTopic(entry);
        const other = byTopic.get(topic);
        const both = `${other} and ${providerKey(entry)}`;
        if (other) refuse([index, 'provider'], `${both} would share the topic ${topic}`);
        else byTopic.set(topic, providerKey(entry));
      }
      refuseInconsistentActions(entry.actions, (path, message) =>
        refuse([index, ...path], message),
      );
    });
  }, ALSO_BESIDE_OTHER_MISTAKES);

export type SimulatedEntry = z.infer<typeof simulatedSchema>;
export type ProviderEntry = z.infer<typeof providerSchema>;

/** What an operator configured, in the order of the file. */
export class Catalogue {
  readonly providers: readonly ProviderEntry[];
  readonly #byKey: ReadonlyMap<string, ProviderEntry>;

  constructor(providers: readonly ProviderEntry[]) {
    this.providers = providers;
    this.#byKey = new Map(providers.map((entry) => [providerKey(entry), entry]));
  }

  /** What the Kafka providers among them are told on, without the prefix of the installation. */
  get dispatchTopics(): `dispatch.${string}`[] {
    return this.providers.filter(({ type }) => type === 'kafka').map(dispatchTopic);
  }

  /** The entry with this key (`vendor/provider` as the file spells it), if this process has it. */
  get(key: string): ProviderEntry | undefined {
    return this.#byKey.get(key);
  }
}

/** The name under which an entry travels in commands and stands in rows. */
export function providerKey({ vendor, provider }: ProviderEntry): string {
  return `${vendor}/${provider}`;
}

/**
 * Reads the catalogue. Who calls the providers gives `secretOf`: then secrets and certificates are checked with the
 * rest. Who does not call them need not have them.
 * @throws Error that lists every mistake at once, one a line
 */
export function loadCatalogue(path: string, secretOf?: SecretReader): Catalogue {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`PROVIDERS_FILE ${path} cannot be read: ${(error as Error).message}`);
  }
  const parsed = catalogueSchema.safeParse(content);
  const lines = (parsed.error?.issues ?? []).map(
    (issue) => `  ${issue.path.join('.')}: ${issue.message}`,
  );
  const entries = looseSchema.safeParse(content).data?.providers ?? [];
  entries.forEach((entry, index) => {
    for (const [field, message] of secretOf ? mistakesAround(entry, secretOf) : []) {
      lines.push(`  providers.${index}.${field}: ${message}`);
    }
  });
  if (parsed.success && lines.length === 0) return new Catalogue(parsed.data.providers);
  throw new Error(`PROVIDERS_FILE ${path} has mistakes:\n${lines.join('\n')}`);
}

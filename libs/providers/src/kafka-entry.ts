import { z } from 'zod';
import { providerFields } from './provider-fields.ts';

/* An entry of the catalogue of type `kafka`: what is to be done goes to a topic, what became of it comes as a report. */

/** With the longest prefix that is of use still a name that Kafka takes (249 characters). */
const SLUG_LENGTH_MAX = 100;

const kafkaFields = z.strictObject({ ...providerFields, type: z.literal('kafka') });

/** zod would else keep these back until the entry is well-formed. */
const ALSO_BESIDE_OTHER_MISTAKES = { when: () => true };

export const kafkaSchema = kafkaFields.superRefine(
  (entry: Partial<z.infer<typeof kafkaFields>>, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    for (const capability of ['cancel', 'probe'] as const) {
      if (entry.capabilities?.[capability] !== true) continue;
      refuse(
        ['capabilities', capability],
        'is not possible: it is told by a message and never asked',
      );
    }
    const slug = typeof entry.provider === 'string' ? slugOf(entry.provider) : undefined;
    if (slug === '') {
      refuse(['provider'], 'needs a letter a-z or a digit, for the name of its topic');
    }
    if (slug !== undefined && slug.length > SLUG_LENGTH_MAX) {
      refuse(['provider'], `must not be longer than ${SLUG_LENGTH_MAX}: it names a topic`);
    }
  },
  ALSO_BESIDE_OTHER_MISTAKES,
);

export type KafkaEntry = z.infer<typeof kafkaSchema>;

/** The topic on which the provider is told what to do, without the prefix of the installation. */
export function dispatchTopic({ provider }: { provider: string }): `dispatch.${string}` {
  return `dispatch.${slugOf(provider)}`;
}

/** Lower case, and a hyphen in place of everything that is no letter a-z and no digit. */
function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

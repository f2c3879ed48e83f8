import { CONNECTIONS } from '../speed/creates.ts';
import { bodyOf } from './body.ts';
import type { Comparison } from './compare-variants.ts';
import type { ScaleSize } from './size.ts';
import type { Variant } from './variant.ts';

const ONE_EACH = 'One API and one worker at default settings.';
const PLAIN = `${CONNECTIONS} creates at once.`;

/** Each of them grows in one thing alone. */
export const COMPARISONS: Record<string, (size: ScaleSize) => Comparison> = {
  processes: ({ processes }) => ({
    title: 'What do more processes bring?',
    setup: `Default settings. ${PLAIN}`,
    variants: variants(processes, ({ apis, workers }) => [
      `APIs: ${apis}, workers: ${workers}`,
      { apis, workers },
    ]),
    notes: [
      'All run on one machine, with Kafka, Postgres and the load generator: where its cores are used up, more processes ' +
        'share what there is. CPU µs/action says what one costs; on machines of their own they have the cores for it.',
    ],
  }),
  rows: ({ rows }) => ({
    title: 'What do rows cost that are there already?',
    setup: `${ONE_EACH} ${PLAIN}`,
    variants: variants(rows, (count) => [`actions: ${grouped(count)}`, { rows: count }]),
    notes: [
      'The actions that were there have ended, one a second until yesterday, each with three events, of ten tenants; the ' +
        'tenant that creates has a tenth. Vacuumed and analyzed.',
    ],
  }),
  tenants: ({ tenants }) => ({
    title: 'What do more tenants cost?',
    setup: `${ONE_EACH} ${PLAIN} Tenants create by turns, each with a token of its own.`,
    variants: variants(tenants, (count) => [`tenants: ${grouped(count)}`, { tenants: count }]),
    notes: [],
  }),
  connections: ({ connections }) => ({
    title: 'What do more connections cost?',
    setup: `${ONE_EACH} One create at a time on each connection.`,
    variants: variants(connections, (count) => [
      `connections: ${grouped(count)}`,
      { connections: count },
    ]),
    notes: ['A create at saturation takes connections ÷ accepted/s, whatever it costs.'],
  }),
  bodies: ({ bodyBytes }) => ({
    title: 'What do larger bodies cost?',
    setup: `${ONE_EACH} ${PLAIN} A text in an open property makes up the size; it cannot be compressed.`,
    variants: variants(bodyBytes, (bytes) => [`bytes: ${grouped(bytes)}`, { body: bodyOf(bytes) }]),
    notes: [],
  }),
};

function variants<T>(
  values: readonly T[],
  variantOf: (value: T) => [name: string, variant: Variant],
): Record<string, Variant> {
  return Object.fromEntries(values.map(variantOf));
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}

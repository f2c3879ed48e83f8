import { type Catalogue, providerKey } from './catalogue.ts';

/** For what this process's catalogue does not list: a metric must not have a series for each name that a caller makes up. */
const OTHER = 'other';

/** Providers and actions as labels of metrics. */
export class MetricLabels {
  readonly #actions: ReadonlyMap<string, ReadonlySet<string>>;

  constructor({ providers }: Catalogue) {
    this.#actions = new Map(
      providers.map((entry) => [
        providerKey(entry),
        new Set(entry.actions.map(({ name }) => name)),
      ]),
    );
  }

  /** Every pair that `of` can give, in the order of the catalogue. */
  all(): { provider: string; action: string }[] {
    const known = [...this.#actions].flatMap(([provider, actions]) =>
      [...actions, OTHER].map((action) => ({ provider, action })),
    );
    return [...known, { provider: OTHER, action: OTHER }];
  }

  of(key: string, actionName: string): { provider: string; action: string } {
    const actions = this.#actions.get(key);
    return {
      provider: actions ? key : OTHER,
      action: actions?.has(actionName) ? actionName : OTHER,
    };
  }
}

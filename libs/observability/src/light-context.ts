import type { Context } from '@opentelemetry/api';

/**
 * What belongs to a request or an attempt while it is worked on, of which each has several. A context of the API is the same,
 * but has three functions of its own. V8 takes a function that is made where it is assigned to a property for one that stays,
 * and puts it straight among its old objects. All that such a context leads to is then kept until those are collected: each
 * request, with all that it was made of.
 */
class LightContext implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown>) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new LightContext(new Map(this.#values).set(key, value));
  }

  deleteValue(key: symbol): Context {
    const values = new Map(this.#values);
    values.delete(key);
    return new LightContext(values);
  }
}

/** The context of what belongs to nothing. */
export const LIGHT_ROOT: Context = new LightContext(new Map());

/*
 * V8 gives a Map a new table every few deletions, and leaves in the old table a pointer to the new one. Once a single table
 * has become an old object it takes all later ones along, with what is in them, for as long as old objects are not collected:
 * of every request that was ever under way its whole memory, until the pause that clears it away. A Map that is thrown away
 * itself leaves no such chain.
 */

/** Fewer are not worth a new Map. */
const DELETIONS_MIN = 16;

/**
 * A Map for what comes and goes with every request; like a Map it keeps the order of insertion. Who goes through it while
 * others delete from it may come to what they have deleted.
 */
export class ShortLivedMap<K, V> implements Iterable<[K, V]> {
  #entries: Map<K, V>;
  #deletions = 0;

  constructor(entries: Iterable<readonly [K, V]> = []) {
    this.#entries = new Map(entries);
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): this {
    this.#entries.set(key, value);
    return this;
  }

  /** @returns whether there was such a key */
  delete(key: K): boolean {
    const wasThere = this.#entries.delete(key);
    if (wasThere && ++this.#deletions >= Math.max(DELETIONS_MIN, this.#entries.size)) {
      this.#replace(this.#entries);
    }
    return wasThere;
  }

  clear(): void {
    this.#replace([]);
  }

  keys(): IterableIterator<K> {
    return this.#entries.keys();
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }

  #replace(entries: Iterable<[K, V]>): void {
    this.#entries = new Map(entries);
    this.#deletions = 0;
  }
}

/** A Set of that kind. */
export class ShortLivedSet<T> implements Iterable<T> {
  readonly #members = new ShortLivedMap<T, true>();

  get size(): number {
    return this.#members.size;
  }

  has(member: T): boolean {
    return this.#members.has(member);
  }

  add(member: T): this {
    this.#members.set(member, true);
    return this;
  }

  /** @returns whether it was a member */
  delete(member: T): boolean {
    return this.#members.delete(member);
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.keys();
  }
}

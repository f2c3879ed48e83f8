import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Chance that a seed decides: the same seed and stream throw the same each time. */
export class Dice {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  /** @param stream tells sequences of one seed apart that know nothing of each other */
  constructor(seed: number, stream = 0) {
    this.#generator = xoroshiro128plus(seed);
    for (let jumps = 0; jumps < stream; jumps += 1) this.#generator.jump();
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return uniformInt(this.#generator, min, max);
  }

  chance(percent: number): boolean {
    return this.between(1, 100) <= percent;
  }

  /** @throws Error when there is nothing to pick from */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('There is nothing to pick from.');
    return items[this.between(0, items.length - 1)]!;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.map(() => left.splice(this.between(0, left.length - 1), 1)[0]!);
  }

  /** One of the names, as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries<number>(weights) as [Name, number][];
    let left = this.between(
      1,
      entries.reduce((sum, [, weight]) => sum + weight, 0),
    );
    return entries.find(([, weight]) => (left -= weight) <= 0)![0];
  }
}

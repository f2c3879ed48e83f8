/** Several long polls: without an answer for so long, Kafka is away. */
const HEARD_WITHIN_MS = 5000;

/** How a consumer stands in its group. Whoever is told to join anew may yet find that it is a member still. */
type Standing = 'out' | 'rejoining' | 'in';

/** What a consumer knows of its place in its group, from what kafkajs tells. */
export class Membership {
  #standing: Standing = 'out';
  #joins = 0;
  #listens = false;
  #lastHeardMs = 0;

  /** Whether it is a member. */
  get isIn(): boolean {
    return this.#standing === 'in';
  }

  /** Whether Kafka has answered a fetch or a join of late. */
  get isHeard(): boolean {
    return performance.now() - this.#lastHeardMs < HEARD_WITHIN_MS;
  }

  /**
   * Its number, once its first fetch has settled where it begins: from then on it hears of all that is appended. What was
   * appended between two numbers it may have missed. Undefined: not yet.
   */
  get listening(): number | undefined {
    return this.#listens ? this.#joins : undefined;
  }

  /** It has joined. */
  joined(): void {
    this.#begins();
  }

  /** It was told to join anew. */
  rejoins(): void {
    this.#standing = 'rejoining';
  }

  /**
   * Kafka has answered a heartbeat. Where kafkajs cannot join at once, as while Kafka starts, it goes on in the membership that it
   * has, and Kafka keeps that.
   */
  heartbeat(): void {
    if (this.#standing === 'rejoining') this.#begins();
  }

  /** A fetch was answered. */
  fetched(): void {
    this.#listens = true;
    this.#lastHeardMs = performance.now();
  }

  /** It is over. */
  ended(): void {
    this.#standing = 'out';
  }

  #begins(): void {
    this.#standing = 'in';
    this.#joins += 1;
    this.#listens = false;
    this.#lastHeardMs = performance.now();
  }
}

import { createRequire } from 'node:module';
import { vi } from 'vitest';

/** A request that a consumer sends to a broker about its group. */
type Request = (options: { groupId: string }) => Promise<unknown>;

const load = createRequire(import.meta.url);

const { prototype: broker } = load('kafkajs/src/broker') as {
  prototype: {
    connect: () => Promise<void>;
    heartbeat: Request;
    joinGroup: Request;
    syncGroup: Request;
  };
};
const { createErrorFromCode } = load('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};
type FailureOf<Name extends string> = Record<Name, new (message?: string) => Error>;
const { KafkaJSConnectionError, KafkaJSNoBrokerAvailableError, KafkaJSSASLAuthenticationError } =
  load('kafkajs/src/errors') as FailureOf<
    'KafkaJSConnectionError' | 'KafkaJSNoBrokerAvailableError' | 'KafkaJSSASLAuthenticationError'
  >;

// What brokers answer.
export const LOADING = createErrorFromCode(14);
export const NOT_COORDINATOR = createErrorFromCode(16);
export const UNKNOWN_MEMBER = createErrorFromCode(25);
export const GROUP_NOT_ALLOWED = createErrorFromCode(30);

// What kafkajs says when there is no answer; of the second it starts a consumer anew.
export const SIGN_IN_REFUSED = new KafkaJSSASLAuthenticationError('not today');
const BROKEN_OFF = new KafkaJSConnectionError('the connection broke');
export const NO_BROKER = new KafkaJSNoBrokerAvailableError();

/** The request is refused. */
export const refusing = (error: Error) => (): Request => () => Promise.reject(error);

/** The request comes to Kafka, which goes by it from then on, and its answer does not come back. */
export const losingTheAnswer =
  () =>
  (send: Request): Request =>
    async function (this: unknown, options) {
      await send.call(this, options);
      throw BROKEN_OFF;
    };

/**
 * Has the next such request of this group fail in its way, and none of other groups: consumers of other tests run on.
 * `vi.restoreAllMocks` ends it. @returns how many there have been since, the failed one among them
 */
export function failsOnce(
  groupId: string,
  name: Exclude<keyof typeof broker, 'connect'>,
  failing: (send: Request) => Request = (send) => send,
): () => number {
  let count = 0;
  const send = broker[name];
  vi.spyOn(broker, name).mockImplementation(function (this: unknown, options) {
    if (options.groupId !== groupId) return send.call(this, options);
    count += 1;
    return (count === 1 ? failing(send) : send).call(this, options);
  });
  return () => count;
}

/** Has the next broker that somebody turns to refuse the sign-in. `vi.restoreAllMocks` ends it. */
export function refusesSignIn(): void {
  vi.spyOn(broker, 'connect').mockRejectedValueOnce(SIGN_IN_REFUSED);
}

import { Injectable } from '@nestjs/common';
import { bearerToken } from '#auth/bearer';
import { KeysUnavailable } from '#auth/issuer-keys';
import type { Verified } from '#auth/token-claims';
import { TokenVerifier } from '#auth/token-verifier';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { headerTextInAnyCase } from '#kafka/headers';
import type { BatchMessage } from '#kafka/kafka-batch';

/** Who sent a message on a public topic: its `authorization` header, checked as on HTTP. */
@Injectable()
export class MessageCaller {
  readonly #tokens: TokenVerifier;
  readonly #unknownKeyWaitMs: number;

  constructor(settings: Settings) {
    this.#tokens = new TokenVerifier(settings);
    this.#unknownKeyWaitMs = settings.UNKNOWN_KEY_WAIT_MS;
  }

  /**
   * The token must have been valid when its message was appended, however late that is read. Where the topic lets the
   * producer set the time, which could be any, it must be valid now.
   * @throws KeysUnavailable when the message is to come again, because the keys of the issuer cannot be had
   * @throws ApiError, any other: InvalidAuthenticationToken or Authorization_RequestDenied; serviceNotAvailable when the key
   * is unknown, and the issuer has been away for so long that nothing more is to wait for it
   */
  async of({ headers, timestamp, isTimestampOfBroker }: BatchMessage): Promise<Caller> {
    const token = bearerToken(headerTextInAnyCase(headers, 'authorization'));
    const at = isTimestampOfBroker ? new Date(timestamp) : new Date();
    const { caller, roles } = this.#tokens.recall(token, at) ?? (await this.#verify(token, at));
    if (!roles.has('write')) throw new ApiError('Authorization_RequestDenied');
    return caller;
  }

  async #verify(token: string, at: Date): Promise<Verified> {
    try {
      return await this.#tokens.verify(token, at);
    } catch (error) {
      // Anybody can invent the name of a key: it must not hold up for ever those whose keys are known.
      if (
        error instanceof KeysUnavailable &&
        (error.unknownForMs ?? -1) >= this.#unknownKeyWaitMs
      ) {
        throw new ApiError(
          'serviceNotAvailable',
          'The key of the token is not known, and the issuer cannot be asked for newer ones: send it again once it can.',
        );
      }
      throw error;
    }
  }
}

import { Injectable } from '@nestjs/common';
import { bearerToken } from '#auth/bearer';
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

  constructor(settings: Settings) {
    this.#tokens = new TokenVerifier(settings);
  }

  /**
   * The token must have been valid when its message was appended, however late that is read. Where the topic lets the
   * producer set the time, which could be any, it must be valid now.
   * @throws ApiError InvalidAuthenticationToken or Authorization_RequestDenied; serviceNotAvailable when the keys of the
   * issuer cannot be had, which says nothing about the message
   */
  async of({ headers, timestamp, isTimestampOfBroker }: BatchMessage): Promise<Caller> {
    const token = bearerToken(headerTextInAnyCase(headers, 'authorization'));
    const at = isTimestampOfBroker ? new Date(timestamp) : new Date();
    const { caller, roles } =
      this.#tokens.recall(token, at) ?? (await this.#tokens.verify(token, at));
    if (!roles.has('write')) throw new ApiError('Authorization_RequestDenied');
    return caller;
  }
}

import { parse } from 'secure-json-parse';
import { ApiError } from './errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The value of a message on a public topic, bounded as a request body is.
 * @throws ApiError requestEntityTooLarge or invalidRequest
 */
export function jsonValue(value: Buffer | null, bytesMax: number): unknown {
  if (value === null) throw new ApiError('invalidRequest', 'The message has no value.');
  if (value.length > bytesMax) {
    throw new ApiError(
      'requestEntityTooLarge',
      `The value has ${value.length} bytes; at most ${bytesMax} are allowed (BODY_BYTES_MAX).`,
    );
  }
  try {
    // As on HTTP: keys that would reach a prototype are left out, at any depth.
    return parse(utf8.decode(value), { protoAction: 'remove', constructorAction: 'remove' });
  } catch (error) {
    const fault = error instanceof TypeError ? 'UTF-8' : 'JSON';
    throw new ApiError('invalidRequest', `The value is not ${fault}.`);
  }
}

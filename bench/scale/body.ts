import { randomBytes } from 'node:crypto';
import { create } from '../speed/ours.ts';

/**
 * Creates of one size: what every contender is sent, and a text of the caller's own in an open property, which travels with
 * the action through every topic and table. It cannot be compressed.
 * @param bytes of the body as JSON
 * @throws when a create without that text is longer
 */
export function bodyOf(bytes: number): (number: number) => object {
  const text = randomBytes(bytes).toString('base64url');
  return (number) => {
    const body = { ...create(number), ticket: '' };
    const left = bytes - JSON.stringify(body).length;
    if (left < 0) throw new Error(`a create takes ${bytes - left} bytes at least, not ${bytes}`);
    return { ...body, ticket: text.slice(0, left) };
  };
}

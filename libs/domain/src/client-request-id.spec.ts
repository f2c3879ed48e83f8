import { expect, it } from 'vitest';
import { clientRequestIdIn } from './client-request-id.ts';

it('is what the client sent', () => {
  expect(clientRequestIdIn('INC-1')).toBe('INC-1');
  expect(clientRequestIdIn('~'.repeat(255))).toHaveLength(255);
});

it.each([undefined, '', ' ', 'a b', 'a\n', 'ä', 'x'.repeat(256)])('is none for %j', (sent) => {
  expect(clientRequestIdIn(sent)).toBeNull();
});

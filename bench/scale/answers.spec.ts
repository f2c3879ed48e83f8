import { expect, it } from 'vitest';
import { Answers } from './answers.ts';

function answersOf(...replies: [status: number, retryAfter?: string][]): Answers {
  const answers = new Answers();
  for (const [status, retryAfter] of replies) answers.add({ status, retryAfter, text: 'why' });
  return answers;
}

it('takes creates and refusals that say when to come back', () => {
  const answers = answersOf([201], [503, '1'], [201], [429, '30'], [503, '1']);
  expect(answers).toMatchObject({ accepted: 2, refused: 3 });
  expect(answers.summary).toBe('201: 2, 503 with Retry-After: 2, 429 with Retry-After: 1');
  expect(() => answers.check()).not.toThrow();
});

it.each([
  ['a refusal that does not say when', 503, undefined, '503 without Retry-After: 1'],
  ['one that says it in words', 429, 'soon', '429 without Retry-After: 1'],
  ['a failure', 500, undefined, '500: 1'],
  ['a failure with an excuse', 502, '1', '502: 1'],
  ['an answer to something else', 200, undefined, '200: 1'],
])('fails for %s', (_what, status, retryAfter, summary) => {
  const answers = answersOf([201], [status, retryAfter]);
  expect(() => answers.check()).toThrow(`(201: 1, ${summary}): `);
});

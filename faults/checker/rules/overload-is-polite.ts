import { entriesOf, isAnswered } from '../run-record.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** SDKs wait no longer by themselves. */
const RETRY_AFTER_SECONDS_MAX = 10;

/** P8: what cannot be taken now is answered 429 or 503 with Retry-After, never another 5xx; and memory is bounded. */
export const overloadIsPolite: Rule = {
  promise: 'P8',
  guarantee: 'refusals say when to come back, and memory is bounded',
  isOfAnyPart: true,
  judge: ({ exchanges, samples, run }) =>
    together(
      judgeEach(
        exchanges
          .filter(isAnswered)
          .filter(({ answer }) => answer.status === 429 || answer.status >= 500),
        (exchange): Breach | undefined => {
          const { status, retryAfterSeconds } = exchange.answer;
          const evidence = entriesOf(exchange);
          if (status !== 429 && status !== 503)
            return { says: `a request was answered ${status}`, evidence };
          if (retryAfterSeconds === null)
            return { says: `a ${status} came without Retry-After`, evidence };
          if (status === 429 || retryAfterSeconds <= RETRY_AFTER_SECONDS_MAX) return undefined;
          return { says: `a 503 asks to wait ${retryAfterSeconds} s`, evidence };
        },
      ),
      judgeEach(Map.groupBy(samples, ({ process }) => process).values(), (ofProcess) => {
        const largest = ofProcess.reduce((a, b) => (b.rssBytes > a.rssBytes ? b : a));
        if (largest.rssBytes <= run.bounds.rssBytesMax) return undefined;
        return {
          says: `${largest.process} grew to ${largest.rssBytes} bytes; the bound is ${run.bounds.rssBytesMax}`,
          evidence: [ofProcess[0]!, largest],
        };
      }),
    ),
};

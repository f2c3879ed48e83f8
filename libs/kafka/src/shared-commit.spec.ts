import type { OffsetsByTopicPartition } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { SharedCommit } from './shared-commit.ts';

/** Stands where kafkajs sends a commit; what it has sent is in `sent`. */
function recorder(answer: () => Promise<void> = () => Promise.resolve()) {
  const sent: (OffsetsByTopicPartition | undefined)[] = [];
  return {
    sent,
    send: (offsets?: OffsetsByTopicPartition) => {
      sent.push(offsets);
      return answer();
    },
  };
}

describe('a shared commit', () => {
  it('sends what is done in one turn of the event loop as one request', async () => {
    const { sent, send } = recorder();
    const commits = new SharedCommit('t');
    await Promise.all([
      commits.commit([{ partition: 0, offset: '5' }], send),
      commits.commit([{ partition: 3, offset: '9' }], send),
    ]);
    expect(sent).toEqual([
      {
        topics: [
          {
            topic: 't',
            partitions: [
              { partition: 0, offset: '5' },
              { partition: 3, offset: '9' },
            ],
          },
        ],
      },
    ]);
  });

  it('sends what is done while a request is under way in the next one, and does not wait for the first', async () => {
    const first = Promise.withResolvers<void>();
    const { sent, send } = recorder(() => (sent.length === 1 ? first.promise : Promise.resolve()));
    const commits = new SharedCommit('t');
    const slow = commits.commit([{ partition: 0, offset: '5' }], send);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toHaveLength(1);
    await commits.commit([{ partition: 1, offset: '2' }], send);
    expect(sent[1]?.topics[0]?.partitions).toEqual([{ partition: 1, offset: '2' }]);
    first.resolve();
    await slow;
  });

  it('fails for all whose partitions were in the request that Kafka refused, and for none after it', async () => {
    let refused = false;
    const { send } = recorder(() => {
      if (refused) return Promise.resolve();
      refused = true;
      return Promise.reject(new Error('rebalancing'));
    });
    const commits = new SharedCommit('t');
    const outcomes = await Promise.allSettled([
      commits.commit([{ partition: 0, offset: '5' }], send),
      commits.commit([{ partition: 1, offset: '5' }], send),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(commits.commit([{ partition: 0, offset: '5' }], send)).resolves.toBeUndefined();
  });

  it('sends nothing for nothing', async () => {
    const { sent, send } = recorder();
    await new SharedCommit('t').commit([], send);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
  });
});

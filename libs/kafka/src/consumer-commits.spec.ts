import type { LoggerService } from '@nestjs/common';
import type {
  ConsumerEndBatchProcessEvent,
  EachBatchPayload,
  OffsetsByTopicPartition,
} from 'kafkajs';
import { afterEach, expect, it, vi } from 'vitest';
import { ConsumerCommits } from './consumer-commits.ts';
import type { OffsetReader } from './offset-reader.ts';

type PassedOver = ConsumerEndBatchProcessEvent['payload'];

/** A consumer on a Kafka that says of each partition that the group has committed something, until it has lost that. */
function consumer({ isLost = false } = {}) {
  const committed = isLost ? [] : [0, 1, 2].map((partition) => [partition, 0n] as const);
  const ends = [0, 1, 2].map((partition) => [partition, { low: 0n, high: 100n }] as const);
  const offsets = {
    committed: () => Promise.resolve(new Map(committed)),
    ends: () => Promise.resolve(new Map(ends)),
  };
  const send = vi.fn<(offsets: OffsetsByTopicPartition) => Promise<void>>().mockResolvedValue();
  const onRenewed = vi.fn<() => void>();
  const warn = vi.fn<(line: string) => void>();
  const commits = new ConsumerCommits({
    topic: 't',
    offsets: offsets as unknown as OffsetReader,
    send: () => Promise.reject(new Error('there is a batch that can')),
    onRenewed,
    logger: { warn } as unknown as LoggerService,
  });
  /** The consumer is done with a batch of this partition, of messages from `from` up to `last`. */
  const done = (partition: number, from: number, last: number) => {
    const payload = {
      batch: { topic: 't', partition, fetchedOffset: from },
      resolveOffset: () => undefined,
      uncommittedOffsets: () => ({
        topics: [{ topic: 't', partitions: [{ partition, offset: String(last + 1) }] }],
      }),
      commitOffsetsIfNecessary: send,
    } as unknown as EachBatchPayload;
    commits.began(payload);
    commits.done(payload, String(last));
  };
  return { commits, done, send, onRenewed, warn };
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it.each([
  ['ends behind the end of its partition', 0, 100],
  ['begins in the middle, though nothing before it is done', 5, 9],
])('begins anew, and commits nothing, when what was read %s', async (_, from, last) => {
  const { commits, done, send, onRenewed } = consumer({ isLost: true });
  commits.joined([0]);
  done(0, from, last);
  await commits.allSettled();
  expect(onRenewed).toHaveBeenCalledOnce();
  expect(send).not.toHaveBeenCalled();
});

it('begins anew when the topic is gone before what was read of it is committed', async () => {
  const { commits, done, send, onRenewed, warn } = consumer({ isLost: true });
  send.mockRejectedValue(
    Object.assign(new Error('no such topic'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' }),
  );
  commits.joined([0]);
  done(0, 0, 9);
  await commits.allSettled();
  expect(onRenewed).toHaveBeenCalledOnce();
  expect(warn).not.toHaveBeenCalled();
});

it('commits what is done of several partitions in one request', async () => {
  const { commits, done, send } = consumer();
  commits.joined([0, 1]);
  done(0, 5, 9);
  done(1, 0, 3);
  await commits.allSettled();
  const partitions = [
    { partition: 0, offset: '10' },
    { partition: 1, offset: '4' },
  ];
  expect(send.mock.calls).toEqual([[{ topics: [{ topic: 't', partitions }] }]]);
});

it('commits nothing of a partition that has gone to another member while its batch was handled', async () => {
  const { commits, done, send } = consumer();
  commits.joined([0, 1]);
  commits.joined([0]);
  done(1, 0, 3);
  await commits.allSettled();
  expect(send).not.toHaveBeenCalled();
});

it('commits nothing of what another member may have when the membership ends just before', async () => {
  const { commits, done, send, warn } = consumer();
  const turns = vi.spyOn(globalThis, 'setImmediate').mockReturnValue({} as NodeJS.Immediate);
  commits.joined([0, 1]);
  done(1, 0, 3);
  await vi.waitFor(() => expect(turns).toHaveBeenCalledOnce());
  commits.joined([0]);
  turns.mock.lastCall![0]();
  await commits.allSettled();
  expect(send).not.toHaveBeenCalled();
  // Nor in the way that is there before the first batch of a membership.
  expect(warn).not.toHaveBeenCalled();
});

it('commits in a later membership as its last batch could, until kafkajs starts anew', async () => {
  const { commits, done, send, warn } = consumer();
  const passedOver = (offset: number) => {
    const [firstOffset, lastOffset] = [String(offset), String(offset)];
    commits.passedOver({ partition: 0, firstOffset, lastOffset } as PassedOver);
    return commits.allSettled();
  };
  commits.joined([0]);
  done(0, 0, 3);
  await commits.allSettled();
  commits.joined([0]);
  await passedOver(4);
  expect(send).toHaveBeenCalledTimes(2);
  expect(warn).not.toHaveBeenCalled();
  commits.forgetRun();
  commits.joined([0]);
  await passedOver(5);
  expect(send).toHaveBeenCalledTimes(2);
  expect(warn).toHaveBeenCalledOnce();
});

it('commits nothing of a topic that was made anew, and says so', async () => {
  const { commits, done, send, onRenewed } = consumer({ isLost: true });
  commits.joined([0]);
  done(0, 40, 49);
  await commits.allSettled();
  expect(onRenewed).toHaveBeenCalledOnce();
  expect(send).not.toHaveBeenCalled();
});

it('gives up a commit that is never answered, and tries again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { commits, done, send, warn } = consumer();
  send.mockReturnValueOnce(Promise.withResolvers<void>().promise);
  commits.joined([0]);
  done(0, 0, 9);
  await vi.waitFor(() => expect(send).toHaveBeenCalledOnce());
  await vi.advanceTimersByTimeAsync(120_000);
  await commits.allSettled();
  expect(warn.mock.calls.flat()).toEqual([expect.stringContaining('No answer from Kafka')]);
  commits.retry();
  await vi.advanceTimersByTimeAsync(1000);
  await commits.allSettled();
  expect(send).toHaveBeenCalledTimes(2);
});

it('says that commits fail, and not each time', async () => {
  const { commits, done, send, warn } = consumer();
  send.mockRejectedValue(new Error('the coordinator is away'));
  commits.joined([0]);
  done(0, 0, 9);
  await commits.allSettled();
  commits.retry();
  await commits.allSettled();
  expect(send).toHaveBeenCalledTimes(2);
  expect(warn.mock.calls.flat()).toEqual([expect.stringContaining('the coordinator is away')]);
});

import pLimit from 'p-limit';
import { ApiError } from '#domain/errors';
import type { ItemAnswer } from './batch-item.ts';
import type { BatchItem } from './batch-request.ts';

/** Of one batch at once, so that a batch of 20 cannot take all connections to the database. */
const CONCURRENCY = 5;
/** Once the answers are so large, no further request is begun: a batch is held in memory as a whole. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 1;

/** What `runBatch` leaves to its caller. */
export interface BatchSender {
  /** Sends a request that may begin. Never rejects. `bytes` is the size of the answer's body. */
  send(item: BatchItem): Promise<{ answer: ItemAnswer; bytes: number }>;
  /** The answer to a request that was not begun. */
  refuse(item: BatchItem, error: ApiError): ItemAnswer;
  /** By `performance.now()`: what has not begun by then is refused. */
  deadline: number;
}

/**
 * Answers every request of a batch, in the order they came: each after those it depends on, and not at all when one
 * of those failed. What has begun is always awaited, so that no answer says less than is known.
 */
export async function runBatch(
  items: Map<string, BatchItem>,
  sender: BatchSender,
): Promise<ItemAnswer[]> {
  const limit = pLimit(CONCURRENCY);
  const answers = new Map<string, Promise<ItemAnswer>>();
  let bytesSoFar = 0;

  const answerTo = (key: string): Promise<ItemAnswer> => {
    const answer = answers.get(key) ?? inOrder(items.get(key)!);
    answers.set(key, answer);
    return answer;
  };
  const inOrder = async (item: BatchItem): Promise<ItemAnswer> => {
    const before = await Promise.all(item.dependsOn.map(answerTo));
    const failed = before.find(({ status }) => status >= 400);
    if (failed) return sender.refuse(item, failedDependency(failed));
    return limit(async () => {
      const refusal = reasonNotToBegin(sender.deadline, bytesSoFar);
      if (refusal) return sender.refuse(item, refusal);
      const { answer, bytes } = await sender.send(item);
      bytesSoFar += bytes;
      return answer;
    });
  };
  return Promise.all([...items.keys()].map(answerTo));
}

function reasonNotToBegin(deadline: number, bytesSoFar: number): ApiError | undefined {
  if (bytesSoFar > ANSWER_BYTES_MAX) {
    return new ApiError(
      'requestEntityTooLarge',
      'The answers of this batch are too large together; send this request apart.',
    );
  }
  if (performance.now() < deadline) return undefined;
  return new ApiError('serviceNotAvailable', 'The batch took too long; this was not begun.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function failedDependency({ id, status }: ItemAnswer): ApiError {
  return new ApiError('failedDependency', `Not sent: request '${id}' was answered ${status}.`);
}

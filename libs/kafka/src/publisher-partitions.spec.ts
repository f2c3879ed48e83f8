import { describe, expect, it } from 'vitest';
import { partitionOf, protocolError } from './producing-kafka.fixture.ts';
import { message, publisherOn } from './publishing.fixture.ts';

/** What Kafka says when all partitions have theirs but this one. */
function writtenButFor(partition: number, texts: string[], error: Error): Error {
  const writtenOnly = [...new Set(texts.map(partitionOf))].filter((one) => one !== partition);
  return Object.assign(error, { writtenOnly });
}

describe('Publisher, when one partition is in trouble', () => {
  it('does not let a partition without a leader hold up the others', async () => {
    const stuck = partitionOf('stuck');
    const isStuck = (text: string) => partitionOf(text) === stuck;
    const publisher = await publisherOn((texts) =>
      texts.some(isStuck)
        ? Promise.reject(protocolError('LEADER_NOT_AVAILABLE', true))
        : Promise.resolve(),
    );
    const deadlineMs = performance.now() + 400;
    const texts = Array.from({ length: 20 }, (_, i) => String(i));
    const outcomes = await Promise.allSettled(
      texts.map((text) => publisher.publish(message(text, { deadlineMs }))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      texts.map((text) => (isStuck(text) ? 'rejected' : 'fulfilled')),
    );
  });

  it('tells who is written at once, though another leader has not answered', async () => {
    const silent = partitionOf('silent');
    const publisher = await publisherOn((texts) =>
      Promise.reject(writtenButFor(silent, texts, protocolError('UNKNOWN', false))),
    );
    const texts = ['silent', 'a', 'b', 'c', 'd'];
    const sent = texts.map((text) => publisher.publish(message(text)));
    const outcomes = await Promise.allSettled(sent);
    expect(outcomes.map(({ status }) => status)).toEqual(
      texts.map((text) => (partitionOf(text) === silent ? 'rejected' : 'fulfilled')),
    );
  });

  it('sends nothing again that is written, when another partition has refused', async () => {
    const stuck = partitionOf('stuck');
    const requests: string[][] = [];
    const publisher = await publisherOn((texts) => {
      requests.push(texts);
      const refused = { code: 6, refusedOnly: [stuck] };
      return requests.length < 3
        ? Promise.reject(
            writtenButFor(stuck, texts, protocolError('NOT_LEADER_FOR_PARTITION', true, refused)),
          )
        : Promise.resolve();
    });
    const texts = ['stuck', 'a', 'b', 'c', 'd'];
    await Promise.all(texts.map((text) => publisher.publish(message(text))));
    const stay = texts.filter((text) => partitionOf(text) === stuck);
    expect(requests).toEqual([texts, stay, stay]);
  });
});

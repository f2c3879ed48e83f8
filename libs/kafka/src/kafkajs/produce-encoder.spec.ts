import { createRequire } from 'node:module';
import type { IHeaders, Message } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { installEncoderHeadroom } from './encoder-headroom.ts';
import { NULL_HEADER_VALUE, installNullHeaders } from './null-header.ts';
import { type ProduceOptions, installProduceEncoder } from './produce-encoder.ts';

interface Request {
  apiVersion: number;
  encode(): Promise<{ buffer: Buffer }>;
}

const load = createRequire(import.meta.url);
const api = load('kafkajs/src/protocol/requests/produce') as {
  protocol: (options: { version: number }) => (options: ProduceOptions) => { request: Request };
};
/** As kafkajs has it: taken before anything is installed. */
const upstream = api.protocol;
const frame = load('kafkajs/src/protocol/request') as (options: object) => Promise<{
  buffer: Buffer;
}>;
const codecs = load('kafkajs/src/protocol/message/compression') as { Types: { GZIP: number } };

const options = (messages: Message[], extra: Partial<ProduceOptions> = {}): ProduceOptions => ({
  acks: -1,
  timeout: 3000,
  compression: 0,
  producerId: -1,
  topicData: [{ topic: 'commands', partitions: [{ partition: 3, messages }] }],
  ...extra,
});

/** All of a request as it goes out, by what is installed and by kafkajs itself. */
async function bothWays(of: ProduceOptions, version = 7) {
  const [installed, original] = await Promise.all(
    [api.protocol, upstream].map((protocol) =>
      frame({ correlationId: 1, clientId: 'c', request: protocol({ version })(of).request }),
    ),
  );
  return { installed: installed!.buffer, original: original!.buffer };
}

/** The same numbers in each run, so that a failure can be looked into. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function anyMessages(random: () => number): Message[] {
  const below = (limit: number) => Math.floor(random() * limit);
  const letters = ['a', 'é', '漢', '🛡', '\ud800'];
  const text = (max: number) => letters[below(letters.length)]!.repeat(below(max));
  const content = (max: number) => (below(2) ? text(max) : Buffer.from(text(max)));
  const header = () => [content(20), [], [content(200), NULL_HEADER_VALUE, ''], ''][below(4)]!;
  const headers = (): IHeaders =>
    Object.fromEntries(Array.from({ length: below(4) }, () => [text(80), header()]));
  return Array.from({ length: 1 + below(70) }, () => ({
    ...(below(4) && { key: below(4) ? content(70) : null }),
    value: below(9) ? content(below(9) ? 300 : 20_000) : null,
    ...(below(3) && { headers: headers() }),
  }));
}

beforeEach(() => {
  installNullHeaders();
  installEncoderHeadroom();
  installProduceEncoder();
  installProduceEncoder();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-01-31T12:34:56.789Z') });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the encoder of produce requests', () => {
  it('is written for the pinned kafkajs', () => {
    expect((load('kafkajs/package.json') as { version: string }).version).toBe('2.2.4');
  });

  it('takes the place of the one of kafkajs', async () => {
    const of = options([{ key: 'k', value: 'v' }]);
    const own = api.protocol({ version: 7 })(of).request.encode.toString();
    expect(own).not.toBe(upstream({ version: 7 })(of).request.encode.toString());
  });

  it.each([3, 5, 7])(
    'writes what kafkajs writes, byte for byte, in version %i',
    async (version) => {
      const random = randomNumbers(version);
      for (let run = 0; run < 12; run++) {
        const partitions = Array.from({ length: 1 + (run % 3) }, (_, partition) => ({
          // kafkajs has them as texts where they are keys of an object.
          partition: run % 2 ? partition : String(partition),
          messages: anyMessages(random),
        }));
        const topics = ['commands', 'ü'].slice(0, 1 + (run % 2));
        const topicData = topics.map((topic) => ({ topic, partitions }));
        const { installed, original } = await bothWays(options([], { topicData }), version);
        expect(installed.equals(original), `run ${run}`).toBe(true);
      }
    },
  );

  it('writes what kafkajs writes where all is ASCII, but for a part at the most', async () => {
    const lengths = [0, 1, 63, 64, 127, 128, 8191, 8192, 20_000];
    const ascii = lengths.map((length) => 'a'.repeat(length));
    const messages = ascii.flatMap((text): Message[] => [
      { key: text, value: text },
      {
        value: text,
        headers: { name: text, [text]: 'x', none: NULL_HEADER_VALUE, two: ['1', text] },
      },
      { key: null, value: null, headers: { ['n'.repeat(text.length % 300)]: text } },
      { key: `${text}é`, value: text },
      { key: text, value: text, headers: { name: `${text}\u0080` } },
      { key: text, value: text, headers: { name: Buffer.from(text) } },
    ]);
    const { installed, original } = await bothWays(options(messages));
    expect(installed.equals(original)).toBe(true);
  });

  it.each(['é', '漢', '🛡', '\ud800', 'aé', 'éa'])(
    'writes what kafkajs writes where the last text is not ASCII: %j',
    async (letter) => {
      for (let count = 1; count <= 70; count++) {
        const last = letter.repeat(count);
        for (const message of [{ value: last }, { value: 'v', headers: { name: last } }]) {
          const { installed, original } = await bothWays(options([{ value: 'a' }, message]));
          expect(installed.equals(original), `${count} times`).toBe(true);
        }
      }
    },
  );

  it.each([
    ['compresses', { compression: codecs.Types.GZIP }],
    ['is a transaction', { transactionalId: 'tx' }],
    ['has a producer that is told from others', { producerId: 7 }],
    ['has times of its own', options([{ value: 'v', timestamp: '1700000000000' }])],
  ])('leaves to kafkajs what %s', async (_name, extra) => {
    const of = options([{ value: 'v' }], extra);
    const { installed, original } = await bothWays(of);
    expect(installed.equals(original)).toBe(true);
    expect(api.protocol({ version: 7 })(of).request.encode.toString()).toBe(
      upstream({ version: 7 })(of).request.encode.toString(),
    );
  });

  it('leaves to kafkajs what brokers of old are sent', async () => {
    const of = options([{ value: 'v' }]);
    const { installed, original } = await bothWays(of, 2);
    expect(installed.equals(original)).toBe(true);
  });

  it('throws in place of sending half a record when it is given what is neither text nor bytes', async () => {
    const message = { value: 5 } as unknown as Message;
    await expect(bothWays(options([message]))).rejects.toThrow(TypeError);
  });
});

import { describe, expect, it, vi } from 'vitest';
import type { ReadCommand } from '#domain/command';
import { type Refusal, Together } from './together.ts';

const command = (name: string) => ({ name }) as unknown as ReadCommand;
const batch = (...names: string[]) => names.map(command);

/** A store whose transactions end when they are told to. */
function setup(commandsMax = 10) {
  const begun: {
    commands: ReadCommand[];
    end: (refusals?: Refusal[]) => void;
    fail: (code: string) => void;
    isShared: boolean;
  }[] = [];
  const together = new Together(
    commandsMax,
    (commands, isShared) =>
      new Promise((resolve, reject) => {
        begun.push({
          commands,
          isShared,
          end: (refusals = []) => resolve(refusals),
          fail: (code) => reject(Object.assign(new Error('not now'), { code })),
        });
      }),
  );
  const untilBegun = (count: number) => vi.waitFor(() => expect(begun).toHaveLength(count));
  return { together, begun, untilBegun };
}

describe('batches that come at the same time', () => {
  it('are stored in one transaction, each in its order', async () => {
    const { together, begun, untilBegun } = setup();
    const [one, other] = [batch('a', 'b'), batch('c')];
    const stored = [together.add(one), together.add(other)];
    await untilBegun(1);
    expect(begun[0]!.commands).toEqual([...one, ...other]);
    begun[0]!.end();
    expect(await Promise.all(stored)).toEqual([[], []]);
  });

  it('wait for one of two transactions under way, and then go together', async () => {
    const { together, begun, untilBegun } = setup();
    const stored = [together.add(batch('a'))];
    await untilBegun(1);
    stored.push(together.add(batch('b')));
    await untilBegun(2);
    const late = [batch('c'), batch('d')];
    stored.push(...late.map((one) => together.add(one)));
    begun[1]!.end();
    await untilBegun(3);
    expect(begun[2]!.commands).toEqual(late.flat());
    begun[0]!.end();
    begun[2]!.end();
    await Promise.all(stored);
  });

  it('are no more together than a transaction may hold, but for one that is larger by itself', async () => {
    const { together, begun, untilBegun } = setup(3);
    const stored = [
      together.add(batch('a', 'b')),
      together.add(batch('c')),
      together.add(batch('d', 'e', 'f', 'g')),
    ];
    await untilBegun(2);
    begun.forEach(({ end }) => end());
    await Promise.all(stored);
    expect(begun.map(({ commands }) => commands.length)).toEqual([3, 4]);
  });

  it('hear each of its own refusals only', async () => {
    const { together, begun, untilBegun } = setup();
    const [one, other] = [batch('a'), batch('b')];
    const stored = [together.add(one), together.add(other)];
    await untilBegun(1);
    const refusal = { command: other[0]!, error: new Error('poison') };
    begun[0]!.end([refusal]);
    expect(await Promise.all(stored)).toEqual([[], [refusal]]);
  });

  it('come again all of them when Postgres is away, and later ones do not suffer', async () => {
    const { together, begun, untilBegun } = setup();
    const stored = [together.add(batch('a')), together.add(batch('b'))];
    const results = Promise.allSettled(stored);
    await untilBegun(1);
    begun[0]!.fail('ECONNREFUSED');
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const later = together.add(batch('c'));
    await untilBegun(2);
    begun[1]!.end();
    expect(await later).toEqual([]);
  });

  it.each(['57014', '55P03', '42P01', '22021'])(
    'are tried each by itself when they fail together by %s, so that one keeps no other back',
    async (code) => {
      const { together, begun, untilBegun } = setup();
      const [stuck, other] = [batch('a'), batch('b', 'c')];
      const results = Promise.allSettled([together.add(stuck), together.add(other)]);
      await untilBegun(1);
      begun[0]!.fail(code);
      await untilBegun(2);
      begun[1]!.fail(code);
      await untilBegun(3);
      begun[2]!.end();
      expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect(begun.map(({ commands }) => commands)).toEqual([[...stuck, ...other], stuck, other]);
      expect(begun.map(({ isShared }) => isShared)).toEqual([true, false, false]);
    },
  );
});

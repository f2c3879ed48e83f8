import { describe, expect, it } from 'vitest';
import type { ReadCommand } from '#domain/command';
import { pickHeads, pickStarts } from './pick-starts.ts';

/** What picking looks at; the rest of a command is of no matter to it. */
function command(
  tenantId: string,
  targetKey: string | null,
  provider = 'Acme/One',
  revertsActionId?: string,
) {
  return {
    caller: { tenantId },
    provider: { key: provider },
    targetKey,
    action: { revertsActionId },
  } as unknown as ReadCommand;
}

const room = (places: Record<string, number>, total = 100) => ({
  byProvider: new Map(Object.entries(places)),
  total,
});

describe('the heads of a batch', () => {
  it('are the first on each target of each tenant, and all without a target', () => {
    const [first, second, other, free, alsoFree] = [
      command('a', 't1'),
      command('a', 't1'),
      command('b', 't1'),
      command('a', null),
      command('a', null),
    ];
    const heads = pickHeads([first, second, other, free, alsoFree]);
    expect(heads).toEqual(new Set([first, other, free, alsoFree]));
  });
});

describe('the new actions that may start', () => {
  it('are no more than there are places at their provider, and in all', () => {
    const commands = ['t1', 't2', 't3', 't4'].map((target) => command('a', target));
    expect(pickStarts(commands, room({ 'Acme/One': 2 }))).toEqual(new Set(commands.slice(0, 2)));
    expect(pickStarts(commands, room({ 'Acme/One': 9 }, 3))).toEqual(new Set(commands.slice(0, 3)));
    expect(pickStarts(commands, room({ 'Acme/Other': 9 }))).toEqual(new Set());
  });

  it('are of each tenant in turn', () => {
    const flood = ['t1', 't2', 't3'].map((target) => command('a', target));
    const late = command('b', 't9');
    expect(pickStarts([...flood, late], room({ 'Acme/One': 2 }))).toEqual(
      new Set([flood[0], late]),
    );
  });

  it('are no reverts that a timer made', () => {
    const revert = command('a', 't1', 'Acme/One', 'reverted');
    expect(pickStarts([revert], room({ 'Acme/One': 9 }))).toEqual(new Set());
  });
});

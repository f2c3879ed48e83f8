import { describe, expect, it } from 'vitest';
import { parseDlqArguments } from './arguments.ts';

const NOW = new Date('2026-11-23T12:00:00.000Z');
const parse = (...args: string[]) => parseDlqArguments(args, NOW);

describe('the arguments of npm run dlq', () => {
  it('list what nobody has decided about, unless they say otherwise', () => {
    expect(parse('list')).toMatchObject({ verb: 'list', filter: "state eq 'open'", limit: 100 });
    expect(parse('list', '--state', 'any').filter).toBe('');
    expect(parse('list', '--state', 'discarded').filter).toBe("state eq 'discarded'");
  });

  it('are filters as the API takes them', () => {
    const args = [
      ['--cause', 'unknownProvider'],
      ['--tenant', "o'neill"],
      ['--topic', 'requests'],
      ['--since', '90m'],
      ['--until', '2026-11-23T11:00:00+01:00'],
    ];
    expect(parse('replay', '--all', ...args.flat()).filter.split(' and ')).toEqual([
      "state eq 'open'",
      "code eq 'unknownProvider'",
      "azureTenantId eq 'o''neill'",
      "origin/topic eq 'requests'",
      'createdDateTime ge 2026-11-23T10:30:00.000Z',
      'createdDateTime lt 2026-11-23T11:00:00+01:00',
    ]);
  });

  it('name nobody by an empty tenant', () => {
    expect(parse('list', '--tenant', '').filter).toContain('azureTenantId eq null');
  });

  it('take several ids for a replay and a discard', () => {
    expect(parse('replay', 'a', 'b', '--dry-run')).toMatchObject({ ids: ['a', 'b'], dryRun: true });
    expect(parse('discard', 'a', '--reason', 'old')).toMatchObject({ ids: ['a'], reason: 'old' });
  });

  it.each([
    [[], 'Say what to do'],
    [['resend'], 'Say what to do'],
    [['list', 'a'], 'list takes filters only'],
    [['list', '--all'], 'list takes filters only'],
    [['list', '--limit', '0'], '--limit must be 1 or more'],
    [['list', '--since', 'yesterday'], "'yesterday' is neither a time"],
    [['show'], 'show takes one id'],
    [['show', 'a', 'b'], 'show takes one id'],
    [['show', 'a', '--cause', 'x'], 'Filters go with --all'],
    [['replay'], 'Say which'],
    [['replay', 'a', '--all'], 'not both'],
    [['replay', 'a', '--cause', 'x'], 'Filters go with --all'],
    [['replay', '--cause', 'x'], 'Filters go with --all'],
    [['discard', '--all', '--state', 'replayed'], 'Only open letters can be discarded'],
    [['list', '--causes', 'x'], "Unknown option '--causes'"],
  ])('refuse %j', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});

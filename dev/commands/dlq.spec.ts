import { afterEach, describe, expect, it, vi } from 'vitest';
import { type LetterPlace, lettersApi } from '../dlq/letters-api.fixture.ts';
import { dlqCommand } from './dlq.ts';

describe('npm run dlq -- replay', () => {
  let close: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await close?.();
  });

  /** Replays all letters against an API that answers so. */
  async function replayAll(
    places: LetterPlace[],
    answer: Parameters<typeof lettersApi>[1] = () => undefined,
    ...options: string[]
  ) {
    const api = await lettersApi(places, answer);
    ({ close } = api);
    vi.stubEnv('SECURITY_ACTIONS_TOKEN', 'token');
    const log = vi.spyOn(console, 'log').mockReturnValue();
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const code = await dlqCommand(['replay', '--all', '--url', api.address, ...options]);
    const lines = (spy: typeof log) => spy.mock.calls.map(([line]) => String(line));
    return { code, replayed: api.replayed, lines: lines(log), said: lines(said).join('\n') };
  }

  const count = (length: number) =>
    Array.from({ length }, (_, offset): LetterPlace => ({ id: `letter-${offset}`, offset }));
  const ids = (places: LetterPlace[]) => places.map(({ id }) => id);

  it('takes all pages, the oldest letter first', async () => {
    const places = count(2050);
    const { code, replayed, said } = await replayAll(places);
    expect(replayed).toEqual(ids(places));
    expect([code, said]).toEqual([0, 'replayed 2050, refused 0.']);
  }, 30_000);

  it('keeps the offsets of a partition in order, whatever its clock said, and takes partitions by their times', async () => {
    const places: LetterPlace[] = [
      { id: 'p1-1', partition: 1, offset: 1, sentAtMs: 2000 },
      { id: 'p0-11', offset: 11, sentAtMs: 1000 },
      { id: 'p0-9', offset: 9, sentAtMs: 3000 },
      { id: 'p1-2', partition: 1, offset: 2, sentAtMs: 4000 },
      { id: 'commands-9', topic: 'commands', offset: 9, sentAtMs: 1000 },
    ];
    const { replayed } = await replayAll(places);
    expect(replayed).toEqual(['commands-9', 'p1-1', 'p0-9', 'p0-11', 'p1-2']);
  });

  it('goes on after a refusal, and counts refusals by cause', async () => {
    const { code, replayed, lines, said } = await replayAll(count(5), (id) => {
      if (id === 'letter-3') return { status: 409, code: 'conflict' };
      return id < 'letter-2' ? { status: 400, code: 'invalidRequest' } : undefined;
    });
    expect(replayed).toEqual(['letter-2', 'letter-4']);
    expect(lines).toEqual([
      'letter-0 refused: 400 invalidRequest: no',
      'letter-1 refused: 400 invalidRequest: no',
      'letter-2 action action-of-letter-2',
      'letter-3 refused: 409 conflict: no',
      'letter-4 action action-of-letter-4',
    ]);
    expect([code, said]).toEqual([
      1,
      'replayed 2, refused 3 (2 × 400 invalidRequest, 1 × 409 conflict).',
    ]);
  });

  it.each([
    ['503', { status: 503, code: 'serviceNotAvailable' } as const],
    ['500', { status: 500, code: 'generalException' } as const],
    ['401', { status: 401, code: 'InvalidAuthenticationToken' } as const],
    ['429', { status: 429, code: 'TooManyRequests' } as const],
    ['a connection that ends', 'hangUp' as const],
  ])('stops at %s: what follows must not overtake it', async (_, fault) => {
    const faulty = (id: string) => {
      if (id === 'letter-0') return { status: 400, code: 'invalidRequest' };
      return id === 'letter-2' ? fault : undefined;
    };
    const { code, replayed, lines, said } = await replayAll(count(5), faulty);
    expect(replayed).toEqual(['letter-1']);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^letter-2 failed: /);
    expect(code).toBe(1);
    expect(said).toMatch(
      /^replayed 1, refused 1 \(1 × 400 invalidRequest\)\. Stopped at letter-2, so that nothing overtakes it: .+\. 2 were not tried\. Run the command again once that is mended: what was replayed is not run again\.$/,
    );
  });

  it('says the same to programs', async () => {
    const { code, lines } = await replayAll(
      count(3),
      (id) => (id === 'letter-1' ? 'hangUp' : undefined),
      '--json',
    );
    expect(code).toBe(1);
    expect(JSON.parse(lines.join('\n'))).toEqual([
      { id: 'letter-0', actionId: 'action-of-letter-0' },
      { id: 'letter-1', failure: expect.stringContaining('cannot be reached') },
    ]);
  });

  it('shows all that it would take, however many, and takes none of it, in a dry run', async () => {
    const { code, replayed, lines, said } = await replayAll(count(10_050), undefined, '--dry-run');
    expect([code, said, replayed]).toEqual([0, 'replay would take 10050.', []]);
    for (const id of ['letter-0', 'letter-10049']) expect(lines.join('\n')).toContain(id);
  });
});

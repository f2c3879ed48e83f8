import { describe, expect, it } from 'vitest';
import type { EntryOf } from '../history.ts';
import { RunBuilder, found } from './run-builder.fixture.ts';

const MIB = 2 ** 20;

describe('P8, overload is polite: the checker finds', () => {
  it.each([
    ['an error that is not for the client to wait out', 500, null, 'a request was answered 500'],
    ['a 503 without Retry-After', 503, null, 'a 503 came without Retry-After'],
    ['a 429 without Retry-After', 429, null, 'a 429 came without Retry-After'],
    ['a 503 that no SDK waits out', 503, 60, 'a 503 asks to wait 60 s'],
  ])('%s', (_what, status, retryAfterSeconds, says) => {
    const run = new RunBuilder();
    run.answer(run.invoke('list'), status, { error: 'some', retryAfterSeconds });
    const violations = found(run);
    expect(violations.split('\n\n')).toHaveLength(1);
    expect(violations).toContain('P8 Overload is polite');
    expect(violations).toContain(says);
  });

  it('a process that grows beyond its bound', () => {
    const run = new RunBuilder();
    for (const mib of [200, 300, 500]) {
      run.add<EntryOf<'sample'>>({ kind: 'sample', process: 'worker-1', rssBytes: mib * MIB });
    }
    expect(found(run)).toMatchInlineSnapshot(`
      "P8 Overload is polite: refusals say when to come back, and memory is bounded
        worker-1 grew to 524288000 bytes; the bound is 419430400
            0.020  worker-1 has 200 MiB
            0.040  worker-1 has 500 MiB"
    `);
  });
});

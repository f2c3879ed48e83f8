import { describe, expect, it } from 'vitest';
import type { EntryOf } from '../history.ts';
import { RunBuilder, found, hashOf } from './run-builder.fixture.ts';

const letter = (
  run: RunBuilder,
  details: Partial<EntryOf<'deadLetter'>> = {},
  topic: 'requests' | 'reports' = 'reports',
) =>
  run.add<EntryOf<'deadLetter'>>({
    kind: 'deadLetter',
    origin: { topic, partition: 0, offset: 0 },
    code: 'invalidRequest',
    valueHash: hashOf(`${topic}/0/0`),
    ...details,
  });

describe('P7, poison passes by: the checker finds', () => {
  it('poison that became no dead letter', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'reports', poison: 'invalidRequest' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P7 Poison passes by: poison ends as a dead letter, with its cause and its bytes
        reports/0 offset 0 is poison and no dead letter
            0.020  message to reports by tenant-a/app-1: bytes 274ef5cf (poison: invalidRequest); partition 0 offset 0"
    `);
  });

  it('a dead letter with another cause', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'reports', poison: 'invalidRequest' });
    letter(run, { code: 'itemNotFound' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P7 Poison passes by: poison ends as a dead letter, with its cause and its bytes
        the dead letter of reports/0 offset 0 has the cause itemNotFound in place of invalidRequest
            0.020  message to reports by tenant-a/app-1: bytes 274ef5cf (poison: invalidRequest); partition 0 offset 0
            0.030  dead letter of reports/0 offset 0: itemNotFound, bytes 274ef5cf"
    `);
  });

  it('a dead letter with other bytes', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'reports', poison: 'invalidRequest' });
    letter(run, { valueHash: hashOf('something else') });
    expect(found(run)).toMatchInlineSnapshot(`
      "P7 Poison passes by: poison ends as a dead letter, with its cause and its bytes
        the dead letter of reports/0 offset 0 has other bytes
            0.020  message to reports by tenant-a/app-1: bytes 274ef5cf (poison: invalidRequest); partition 0 offset 0
            0.030  dead letter of reports/0 offset 0: invalidRequest, bytes f41f3fa6"
    `);
  });

  it('a report behind poison that had no effect', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'reports', poison: 'invalidRequest' });
    letter(run);
    const id = run.created();
    run.events(id, 'created');
    run.produce({
      topic: 'reports',
      report: { actionId: id, status: 'Completed', attemptId: null },
    });
    run.amend(id, { waitingFor: 'report' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P7 Poison passes by: what lies behind poison is handled
        reports/0 offset 1 lies behind poison and was not handled
            0.020  message to reports by tenant-a/app-1: bytes 274ef5cf (poison: invalidRequest); partition 0 offset 0
            0.070  message to reports by tenant-a/app-1: 00000000-0000-4000-8000-000000000001 is Completed; partition 0 offset 1"
    `);
  });

  it('a good report behind poison that was given up', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'reports', poison: 'invalidRequest' });
    letter(run);
    const id = run.created();
    run.completes(id);
    run.produce({
      topic: 'reports',
      report: { actionId: id, status: 'Completed', attemptId: null },
    });
    letter(run, { origin: { topic: 'reports', partition: 0, offset: 1 } });
    expect(found(run)).toMatchInlineSnapshot(`
      "P7 Poison passes by: what lies behind poison is handled
        reports/0 offset 1 lies behind poison and was not handled
            0.020  message to reports by tenant-a/app-1: bytes 274ef5cf (poison: invalidRequest); partition 0 offset 0
            0.110  message to reports by tenant-a/app-1: 00000000-0000-4000-8000-000000000001 is Completed; partition 0 offset 1"
    `);
  });
});

describe('P7: the checker allows', () => {
  it('the same dead letter more than once, and poison that was never acknowledged', () => {
    const run = new RunBuilder();
    run.produce({ topic: 'reports', poison: 'invalidRequest' });
    letter(run);
    letter(run);
    run.produce({ topic: 'reports', poison: 'invalidRequest', place: null });
    expect(found(run)).toBe('');
  });
});

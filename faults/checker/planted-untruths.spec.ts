import { describe, expect, it } from 'vitest';
import type { EntryOf } from '../history.ts';
import { RunBuilder, failure, found } from './run-builder.fixture.ts';

describe('P3, status is true: the checker finds', () => {
  it('a terminal status that changed', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.events(id, { type: 'failed', errorInfo: failure(4) });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: status moves forward only, without gaps
        00000000-0000-4000-8000-000000000001: it went from Completed to Failed (failed, 4)
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  event 00000000-0000-4000-8000-000000000001/4 failed, dated 2026-01-01T00:00:00.090Z: Failed (partition 1 offset 3)
            0.100  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started Running 2026-01-01T00:00:00.050Z, 3 completed Completed 2026-01-01T00:00:00.080Z, 4 failed Failed 2026-01-01T00:00:00.090Z
            0.110  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 4 (version 4, position 1)

      P3 Status is true: what Failed did so for the reason that it gives
        00000000-0000-4000-8000-000000000001 is Failed with code 4, and its product had not refused it
            0.020  #1 create m1 at Acme/Strict on no target, by tenant-a/app-1 to api-1
            0.030  #1 201 00000000-0000-4000-8000-000000000001 NotStarted
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Strict called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 204
            0.070  Acme/Strict did 00000000-0000-4000-8000-000000000001 (01.1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  event 00000000-0000-4000-8000-000000000001/4 failed, dated 2026-01-01T00:00:00.090Z: Failed (partition 1 offset 3)
            0.110  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 4 (version 4, position 1)"
    `);
  });

  it('a status that does not belong to its event', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', { type: 'started', status: 'NotStarted' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: status moves forward only, without gaps
        00000000-0000-4000-8000-000000000001: it is NotStarted after started (2)
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: NotStarted (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started NotStarted 2026-01-01T00:00:00.050Z, 3 completed Completed 2026-01-01T00:00:00.080Z
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('a time that runs backwards', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', { type: 'started', dateTime: '2025-12-31T23:59:59.000Z' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: status moves forward only, without gaps
        00000000-0000-4000-8000-000000000001: its event 2 is dated before the one before it
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2025-12-31T23:59:59.000Z: Running (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started Running 2025-12-31T23:59:59.000Z, 3 completed Completed 2026-01-01T00:00:00.080Z
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('a gap in a history', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.call(id);
    const { sequence } = run.historyOf(id).at(-1)!;
    run.historyOnly(id, { type: 'completed', sequence: sequence + 2 });
    expect(found(run)).toContain('its history has 3 where 2 should be');
  });

  it('an event that the topic never got', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    run.historyOnly(id, { type: 'started' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: row, history and events tell one story
        00000000-0000-4000-8000-000000000001: the events topic has 1, 3 of 1, 2, 3
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.070  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.070Z: Completed (partition 1 offset 1)
            0.080  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started Running 2026-01-01T00:00:00.050Z, 3 completed Completed 2026-01-01T00:00:00.070Z
            0.090  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('events that swapped', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    const started = run.historyOnly(id, { type: 'started' });
    run.call(id);
    run.events(id, 'completed');
    run.topicOnly(id, started);
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: row, history and events tell one story
        00000000-0000-4000-8000-000000000001: the events topic has 1, 3, 2 of 1, 2, 3
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.070  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.070Z: Completed (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 2)
            0.090  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started Running 2026-01-01T00:00:00.050Z, 3 completed Completed 2026-01-01T00:00:00.070Z
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('a repeat of an event that says something else', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.topicOnly(id, { ...run.historyOf(id)[1]!, dateTime: '2026-01-02T00:00:00.000Z' });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: row, history and events tell one story
        00000000-0000-4000-8000-000000000001: a repeat of its event 2 says something else
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-02T00:00:00.000Z: Running (partition 1 offset 3)
            0.100  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started Running 2026-01-01T00:00:00.050Z, 3 completed Completed 2026-01-01T00:00:00.080Z
            0.110  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('an event that is another one on the topic than in the history', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created');
    const started = run.historyOnly(id, { type: 'started' });
    run.topicOnly(id, { ...started, type: 'accepted' });
    run.call(id);
    run.events(id, 'completed');
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: row, history and events tell one story
        00000000-0000-4000-8000-000000000001: its event 2 is another one on the topic than in its history
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 accepted, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 completed, dated 2026-01-01T00:00:00.080Z: Completed (partition 1 offset 2)
            0.090  history of 00000000-0000-4000-8000-000000000001: 1 created NotStarted 2026-01-01T00:00:00.040Z, 2 started Running 2026-01-01T00:00:00.050Z, 3 completed Completed 2026-01-01T00:00:00.080Z
            0.100  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it.each([
    ['last change', { lastActionDateTime: '2026-01-01T00:00:00.000Z' }],
    ['end', { completedDateTime: null }],
    ['errorInfo', { errorInfo: failure(4) }],
  ])('an event whose %s is not that of the history', (_what, wrong) => {
    const run = new RunBuilder();
    run.completes(run.created());
    const ended = run.entries.findLast((entry) => entry.kind === 'event')!;
    Object.assign(ended.action, wrong);
    expect(found(run)).toContain('its event 3 is another one on the topic than in its history');
  });

  it.each([
    ['status', { status: 'Running' }, 'the row is Running, the history Completed'],
    ['states', { states: [] }, 'its states are not those of its history'],
    ['end', { completedDateTime: null }, 'its completedDateTime is not that of its end'],
    [
      'last change',
      { lastActionDateTime: '2026-01-01T00:00:00.000Z' },
      'its lastActionDateTime is not that of its last event',
    ],
    ['errorInfo', { errorInfo: failure(4) }, 'its errorInfo is not that of its end'],
  ])('a row whose %s is not that of its history', (_what, wrong, says) => {
    const run = new RunBuilder();
    run.completes(run.created());
    run.finish();
    const row = run.entries.find((entry): entry is EntryOf<'row'> => entry.kind === 'row')!;
    Object.assign(row.action, wrong);
    expect(found(run)).toContain(says);
  });

  it('a row of another version than its history', () => {
    const run = new RunBuilder();
    run.completes(run.created());
    run.finish();
    run.entries.find((entry): entry is EntryOf<'row'> => entry.kind === 'row')!.version = 7;
    expect(found(run)).toContain('its version is 7 after 3 events');
  });

  it('an answer that takes back what an earlier one said', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('get', id);
    run.ask('get', id, { shown: [run.shown(id, run.historyOf(id).slice(0, 2))] });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: no answer takes back what an earlier one said
        00000000-0000-4000-8000-000000000001 was answered Completed, then Running
            0.090  #2 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.100  #2 200 00000000-0000-4000-8000-000000000001 Completed
            0.110  #3 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.120  #3 200 00000000-0000-4000-8000-000000000001 Running"
    `);
  });

  it('an answer that showed another end than the one there is', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('get', id, {
      shown: [{ ...run.shown(id), status: 'Failed', errorInfo: failure(3) }],
    });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: no answer takes back what an earlier one said
        00000000-0000-4000-8000-000000000001 was answered Failed, and is Completed in the end
            0.090  #2 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.100  #2 200 00000000-0000-4000-8000-000000000001 Failed
            0.120  in the end 00000000-0000-4000-8000-000000000001 is Completed (version 3, position 1)"
    `);
  });

  it('an effect of what ended as never done', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { answered: 503 });
    run.events(id, 'attemptFailed');
    run.call(id, { attempt: 2, answered: 503 });
    run.effect(id, 'late');
    run.events(id, { type: 'failed', errorInfo: failure(5) });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: what Failed without effect had none
        00000000-0000-4000-8000-000000000001 is Failed with code 5, and its product did it
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), answered 503
            0.070  event 00000000-0000-4000-8000-000000000001/3 attemptFailed, dated 2026-01-01T00:00:00.070Z: Running (partition 1 offset 2)
            0.080  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 2 (01.2), answered 503
            0.090  Acme/Patient did 00000000-0000-4000-8000-000000000001 (late)
            0.100  event 00000000-0000-4000-8000-000000000001/4 failed, dated 2026-01-01T00:00:00.100Z: Failed (partition 1 offset 3)
            0.120  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 5 (version 4, position 1)"
    `);
  });

  it('an effect of what ended as refused, because a repeat was', () => {
    const run = new RunBuilder();
    const id = run.created({ provider: 'Acme/Patient' });
    run.events(id, 'created', 'started');
    run.call(id, { answered: null, answeredAtMs: null });
    run.events(id, 'attemptFailed');
    run.call(id, { attempt: 2, answered: 409, acts: false });
    run.events(id, { type: 'failed', errorInfo: failure(4) });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: what Failed without effect had none
        00000000-0000-4000-8000-000000000001 is Failed with code 4, and its product did it
            0.040  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.040Z: NotStarted (partition 1 offset 0)
            0.050  event 00000000-0000-4000-8000-000000000001/2 started, dated 2026-01-01T00:00:00.050Z: Running (partition 1 offset 1)
            0.060  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 1 (01.1), not answered
            0.070  Acme/Patient did 00000000-0000-4000-8000-000000000001 (01.1)
            0.080  event 00000000-0000-4000-8000-000000000001/3 attemptFailed, dated 2026-01-01T00:00:00.080Z: Running (partition 1 offset 2)
            0.090  Acme/Patient called to act: 00000000-0000-4000-8000-000000000001, attempt 2 (01.2), answered 409
            0.100  event 00000000-0000-4000-8000-000000000001/4 failed, dated 2026-01-01T00:00:00.100Z: Failed (partition 1 offset 3)
            0.120  in the end 00000000-0000-4000-8000-000000000001 is Failed with code 4 (version 4, position 1)"
    `);
  });

  it('events of an action that is not stored', () => {
    const run = new RunBuilder();
    const intent = run.intent();
    const id = run.newId();
    run.store(id, intent);
    run.events(id, 'created');
    run.forget(id);
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: row, history and events tell one story
        00000000-0000-4000-8000-000000000001: there are events of it, and it is not stored
            0.020  event 00000000-0000-4000-8000-000000000001/1 created, dated 2026-01-01T00:00:00.020Z: NotStarted (partition 1 offset 0)"
    `);
  });
});

describe('P3, what is said can be read: the checker finds', () => {
  it('an answer that shows nothing where it must', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    run.ask('get', id, { shown: [], isUnreadable: true });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: answers and calls can be read
        the 200 to a get cannot be read
            0.090  #2 get 00000000-0000-4000-8000-000000000001, by tenant-a/app-1 to api-1
            0.100  #2 200 unreadable"
    `);
  });

  it('a call that its product could not take for one', () => {
    const run = new RunBuilder();
    run.add<EntryOf<'strayCall'>>({
      kind: 'strayCall',
      path: '/Strict/act',
      reason: 'No matching signature found',
    });
    expect(found(run)).toMatchInlineSnapshot(`
      "P3 Status is true: answers and calls can be read
        a call to /Strict/act is none: No matching signature found
            0.020  a product was called at /Strict/act, and could not take it: No matching signature found"
    `);
  });
});

describe('P3: the checker allows', () => {
  it('repeats of events that follow newer ones', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.completes(id);
    for (const step of run.historyOf(id)) run.topicOnly(id, step);
    expect(found(run)).toBe('');
  });

  it('answers to requests under way at once to say more or less', () => {
    const run = new RunBuilder();
    const id = run.created();
    run.events(id, 'created', 'started');
    const early = run.invoke('get', { actionId: id });
    const before = run.shown(id);
    run.call(id);
    run.events(id, 'completed');
    run.ask('get', id);
    run.answer(early, 200, { shown: [before] });
    expect(found(run)).toBe('');
  });
});

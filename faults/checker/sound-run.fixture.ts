import type { Entry, EntryOf } from '../history.ts';
import { RunBuilder, failure, hashOf } from './run-builder.fixture.ts';

/** A run in which everything that may happen happens, and every promise is kept. */
export function soundRun(): Entry[] {
  const run = new RunBuilder();
  runs(run);
  cancels(run);
  repeats(run);
  reports(run);
  requests(run);
  strangers(run);
  outages(run);
  return run.finish();
}

/** How actions end by themselves. */
function runs(run: RunBuilder): void {
  const first = run.created({ target: 'host-1' });
  const second = run.created({ target: 'host-1' });
  run.completes(first);
  run.ask('get', first);
  run.completes(second);

  const refused = run.created();
  run.events(refused, 'created', 'started');
  run.call(refused, { answered: 422, acts: false });
  run.events(refused, { type: 'failed', errorInfo: failure(4) });

  const retried = run.created({ provider: 'Acme/Patient' });
  run.events(retried, 'created', 'started');
  run.ask('get', retried);
  run.call(retried, { answered: 500 });
  run.events(retried, 'attemptFailed');
  run.call(retried, { attempt: 2, acts: false });
  run.events(retried, 'completed');
  run.topicOnly(retried, run.historyOf(retried)[1]!);

  const notDone = run.created();
  run.events(notDone, 'created', 'started');
  run.call(notDone, { answered: 503 });
  run.events(notDone, 'attemptFailed');
  run.call(notDone, { attempt: 2, answered: 503 });
  run.events(notDone, { type: 'failed', errorInfo: failure(5) });

  const unknown = run.created();
  run.events(unknown, 'created', 'started');
  run.call(unknown, { answered: null, answeredAtMs: null });
  run.fault('begin', 'kill', 'worker-1');
  run.fault('end', 'kill', 'worker-1');
  run.events(unknown, { type: 'failed', errorInfo: failure(3) });

  const waiting = run.created({ provider: 'Acme/Patient', target: 'host-9' });
  const behind = run.created({ provider: 'Acme/Patient', target: 'host-9' });
  run.events(waiting, 'created');
  run.events(behind, 'created');
  run.amend(waiting, { waitingFor: 'provider' });
  run.amend(behind, { waitingFor: `target:${waiting}` });

  const deleted = run.created();
  run.completes(deleted);
  run.ask('delete', deleted, { status: 204 });
  run.events(deleted, 'deleted');
  run.ask('get', deleted, { status: 404, error: 'itemNotFound' });
  run.amend(deleted, { isDeleted: true });
}

function cancels(run: RunBuilder): void {
  const prevented = run.created();
  run.events(prevented, 'created');
  run.events(prevented, 'cancelled');
  run.ask('cancel', prevented, { cancelOutcome: 'prevented' });
  run.ask('cancel', prevented);

  const takenBack = run.created({ provider: 'Acme/Patient' });
  run.events(takenBack, 'created', 'started');
  const { attemptId } = run.call(takenBack, { answered: null, answeredAtMs: null });
  run.events(takenBack, 'cancelRequested');
  run.ask('cancel', takenBack, { cancelOutcome: 'accepted' });
  run.call(takenBack, { question: 'cancel', answered: 200, said: 'Failed' });
  run.effect(takenBack, attemptId, true);
  run.events(takenBack, 'cancelled');

  const busy = run.created();
  run.events(busy, 'created', 'started');
  run.ask('cancel', busy, { status: 409, error: 'cannotCancel' });
  run.call(busy);
  run.events(busy, 'completed');
  run.ask('cancel', busy, { status: 409, error: 'alreadyFinished' });
}

/** One create sent more than once. */
function repeats(run: RunBuilder): void {
  const keyed = run.intent({ idempotencyKey: 'k-1' });
  const id = run.newId();
  const first = run.invoke('create', { intent: keyed });
  run.lose(first);
  run.store(id, keyed);
  run.completes(id);
  const replay = run.invoke('create', { intent: keyed });
  run.answer(replay, 201, { isReplay: true, shown: [run.shown(id)] });
  const reuse = run.invoke('create', { intent: run.intent({ idempotencyKey: 'k-1' }) });
  run.answer(reuse, 409, { error: 'idempotencyKeyReuse' });

  const resent = run.intent({ target: 'host-2' });
  const [original, alias] = [run.newId(), run.newId()];
  run.lose(run.invoke('create', { intent: resent }));
  const again = run.invoke('create', { intent: resent, retryAttempt: 1 });
  run.answer(again, 201, { shown: [run.notStarted(alias, resent)] });
  run.store(original, resent);
  run.amend(original, { aliases: [alias] });
  run.completes(original);
  run.ask('get', alias, { shown: [run.shown(original)] });

  // Lost for good, and refused: no action came of either.
  run.lose(run.invoke('create', { intent: run.intent() }));
  run.answer(run.invoke('create', { intent: run.intent() }), 503, {
    error: 'serviceNotAvailable',
    retryAfterSeconds: 1,
  });
  run.answer(run.invoke('list'), 429, { error: 'TooManyRequests', retryAfterSeconds: 30 });
}

function reports(run: RunBuilder): void {
  poison(run, 'reports', 'invalidRequest');
  const reported = run.created();
  run.events(reported, 'created', 'started');
  run.call(reported, { answered: 202 });
  run.events(reported, 'accepted');
  run.produce({
    topic: 'reports',
    report: { actionId: reported, status: 'Completed', attemptId: null },
  });
  run.events(reported, { type: 'completed', attempt: null });

  const early = run.created({ target: 'host-3' });
  run.events(early, 'created');
  const patch = run.invoke('patch', {
    actionId: early,
    report: { status: 'Completed', attemptId: null },
  });
  run.events(early, { type: 'completed', attempt: null });
  run.answer(patch, 200, { shown: [run.shown(early)] });
}

function requests(run: RunBuilder): void {
  poison(run, 'requests', 'InvalidAuthenticationToken');
  const intents = [run.intent({ target: 'host-4' }), run.intent({ target: 'host-4' })];
  for (const intent of intents) run.produce({ topic: 'requests', intent });
  const ids = intents.map((intent) => {
    const id = run.newId();
    run.store(id, intent);
    return id;
  });
  for (const id of ids) run.completes(id);
}

function poison(run: RunBuilder, topic: 'requests' | 'reports', code: string): void {
  run.produce({ topic, poison: code });
  run.add<EntryOf<'deadLetter'>>({
    kind: 'deadLetter',
    origin: { topic, partition: 0, offset: 0 },
    code,
    valueHash: hashOf(`${topic}/0/0`),
  });
}

function strangers(run: RunBuilder): void {
  const own = run.created({}, { tenant: 'tenant-b' });
  run.completes(own);
  run.ask('get', own, { by: 'tenant-b' });
  run.ask('get', run.newId(), { status: 404, error: 'itemNotFound' });
  run.ask('get', own, { status: 404, error: 'itemNotFound' });
  run.answer(run.invoke('list', { tenant: 'tenant-b' }), 200, { shown: [run.shown(own)] });
}

/** Each alone, long enough to tell. */
function outages(run: RunBuilder): void {
  run.add<EntryOf<'sample'>>({ kind: 'sample', process: 'api-1', rssBytes: 200 * 2 ** 20 });
  run.pass(5000).fault('begin', 'pause', 'postgres');
  const accepted = run.created();
  const read = run.invoke('get', { actionId: accepted });
  run.pass(4000).answer(read, 503, { error: 'serviceNotAvailable', retryAfterSeconds: 1 });
  run.fault('end', 'pause', 'postgres');
  run.completes(accepted);

  run.pass(5000).fault('begin', 'kill', 'kafka');
  const refused = run.invoke('create', { intent: run.intent() });
  run.pass(3000).answer(refused, 503, { error: 'serviceNotAvailable', retryAfterSeconds: 1 });
  run.ask('get', accepted);
  run.answer(run.invoke('list'), 200, { shown: [run.shown(accepted)] });
  run.fault('end', 'kill', 'kafka');

  run.pass(5000).fault('begin', 'cut', 'provider:Acme/Strict');
  const other = run.created({ provider: 'Acme/Patient' });
  run.completes(other);
  run.pass(5000).fault('end', 'cut', 'provider:Acme/Strict');
}

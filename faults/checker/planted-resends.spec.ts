import { describe, expect, it } from 'vitest';
import type { Intent } from '../history.ts';
import { RunBuilder, found } from './run-builder.fixture.ts';

/** A create whose answer is lost, and its resend; both become actions, with whatever else happens before the resend. */
function ranTwice(
  run: RunBuilder,
  meanwhile: () => void = () => {},
  target: string | null = 'host',
): Intent {
  const intent = run.intent({ target });
  const [original, again] = [run.newId(), run.newId()];
  run.lose(run.invoke('create', { intent }));
  run.store(original, intent);
  run.completes(original);
  meanwhile();
  const resend = run.invoke('create', { intent, retryAttempt: 1 });
  run.answer(resend, 201, { shown: [run.notStarted(again, intent)] });
  run.store(again, intent);
  run.completes(again);
  return intent;
}

const onHost = (run: RunBuilder, target = 'host') => run.completes(run.created({ target }));

describe('P2, a resend is one with its original: the checker finds', () => {
  it('two actions of it, though other things came to its target before and after both', () => {
    const run = new RunBuilder();
    onHost(run);
    const { mark } = ranTwice(run);
    onHost(run);
    expect(found(run)).toContain(`${mark} became 2 actions, and 1 at most can be right`);
  });

  it('two actions of it, though something came to another target between them', () => {
    const run = new RunBuilder();
    const { mark } = ranTwice(run, () => onHost(run, 'other'));
    expect(found(run)).toContain(`${mark} became 2 actions, and 1 at most can be right`);
  });

  it('two actions of it without a target, whatever came between them', () => {
    const run = new RunBuilder();
    const { mark } = ranTwice(run, () => onHost(run), null);
    expect(found(run)).toContain(`${mark} became 2 actions, and 1 at most can be right`);
  });
});

describe('P2, a resend is one with its original: the checker allows', () => {
  it('two actions where something else had come to the target between them', () => {
    const run = new RunBuilder();
    ranTwice(run, () => onHost(run));
    expect(found(run)).toBe('');
  });

  it('two actions where the resend came late, or by a clock that was set', () => {
    const run = new RunBuilder();
    ranTwice(run, () => run.pass(61_000));
    run.fault('begin', 'clock', 'api-1');
    ranTwice(run);
    run.fault('end', 'clock', 'api-1');
    expect(found(run)).toBe('');
  });
});

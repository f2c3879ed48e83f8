import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gathering } from './gathering.ts';

/** Of the shipped Simulator: created, started, completed. */
const EVENTS_OF_AN_ACTION = 3;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether a wait is over, as it goes on. */
function begin(gathering: Gathering) {
  const state = { isOver: false };
  const wait = gathering.wait().then(() => {
    state.isOver = true;
  });
  return { state, wait };
}

describe('what the relay gathers before it looks', () => {
  it('is what comes within five milliseconds', async () => {
    const { state } = begin(new Gathering());
    await vi.advanceTimersByTimeAsync(4);
    expect(state.isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(state.isOver).toBe(true);
  });

  it('is what comes until the end of an action, with little to do', async () => {
    const gathering = new Gathering();
    gathering.found(EVENTS_OF_AN_ACTION);
    const { wait } = begin(gathering);
    gathering.end();
    await wait;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is nothing more, when the end came while it was still busy with others', async () => {
    const gathering = new Gathering();
    gathering.found(EVENTS_OF_AN_ACTION);
    gathering.end();
    await begin(gathering).wait;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is gathered again after an end that has been taken along', async () => {
    const gathering = new Gathering();
    gathering.end();
    await begin(gathering).wait;
    const { state } = begin(gathering);
    await vi.advanceTimersByTimeAsync(4);
    expect(state.isOver).toBe(false);
  });

  it('is as much as ever under load: ends come all the time', async () => {
    const gathering = new Gathering();
    gathering.found(20 * EVENTS_OF_AN_ACTION);
    gathering.end();
    const { state } = begin(gathering);
    gathering.end();
    await vi.advanceTimersByTimeAsync(4);
    expect(state.isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(state.isOver).toBe(true);
  });
});

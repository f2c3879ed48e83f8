import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask } from './ask.ts';

const silent = () => new Promise<string>(() => undefined);
const onSilence = (reason: string) => `gave up: ${reason}`;

describe('a question to a provider', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('has the answer of the provider, and leaves no timer behind', async () => {
    const answer = ask(
      async () => 'done',
      { timeoutMs: 1000, call: new AbortController() },
      onSilence,
    );
    expect(await answer).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given up soon after its deadline when the provider heeds no signal', async () => {
    const answer = ask(silent, { timeoutMs: 1000, call: new AbortController() }, onSilence);
    await vi.advanceTimersByTimeAsync(1200);
    expect(await answer).toBe('gave up: no answer in 1000 ms');
    expect(vi.getTimerCount()).toBe(0);
  });

  it("has the provider's own word on how far it came when the signal fires", async () => {
    const heeding = (signal: AbortSignal) =>
      new Promise<string>((resolve) => {
        signal.addEventListener('abort', () => resolve('nothing was sent'));
      });
    const answer = ask(heeding, { timeoutMs: 1000, call: new AbortController() }, onSilence);
    await vi.advanceTimersByTimeAsync(1001);
    expect(await answer).toBe('nothing was sent');
  });

  it('has an answer that is there when the process stood still until after its deadline', async () => {
    vi.useRealTimers();
    const server = createServer((socket) => socket.write('done')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
      server.close();
    });
    const heeding = (signal: AbortSignal) =>
      new Promise<string>((resolve) => {
        socket.once('data', (data) => resolve(data.toString()));
        signal.addEventListener('abort', () => resolve('aborted'));
      });
    await once(server, 'connection');
    const answer = ask(heeding, { timeoutMs: 20, call: new AbortController() }, onSilence);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    expect(await answer).toBe('done');
  });

  it.each(['before', 'after'])('is given up when it is aborted %s it was asked', async (when) => {
    const call = new AbortController();
    if (when === 'before') call.abort(new Error('taken over'));
    const answer = ask(silent, { timeoutMs: 1000, call }, onSilence);
    call.abort(new Error('taken over'));
    await vi.advanceTimersByTimeAsync(200);
    expect(await answer).toBe('gave up: taken over');
  });

  it('fails as the provider does', async () => {
    const failing = () => Promise.reject(new Error('broken'));
    const answer = ask(failing, { timeoutMs: 1000, call: new AbortController() }, onSilence);
    await expect(answer).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
  });
});

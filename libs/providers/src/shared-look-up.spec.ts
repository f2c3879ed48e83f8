import type { LookupAddress, LookupAllOptions, LookupOptions } from 'node:dns';
import dns from 'node:dns/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ATTEMPT, actionWith } from './action.fixture.ts';
import { Product, answers, webhookTo } from './product.fixture.ts';
import { sharedLookUp } from './shared-look-up.ts';

const ADDRESSES = [
  { address: '2001:db8::1', family: 6 },
  { address: '192.0.2.1', family: 4 },
];

/** A name server that answers when it is told to, and what it was asked. */
function nameServer() {
  interface Question {
    hostname: string;
    options: LookupAllOptions;
    answer: (addresses: LookupAddress[] | Promise<never>) => void;
  }
  const asked: Question[] = [];
  const lookUp = sharedLookUp(
    (hostname, options) =>
      new Promise((answer) => {
        asked.push({ hostname, options, answer });
      }),
  );
  const answerAll = (hostname: string, addresses: () => LookupAddress[] | Promise<never>) =>
    asked.filter((one) => one.hostname === hostname).forEach(({ answer }) => answer(addresses()));
  return {
    asked,
    hostnames: () => asked.map(({ hostname }) => hostname),
    /** What is given to the callback. */
    look: (hostname: string, options: LookupOptions = { all: true }) =>
      new Promise<unknown[]>((resolve) => lookUp(hostname, options, (...given) => resolve(given))),
    find: (hostname: string) => answerAll(hostname, () => ADDRESSES),
    fail: (hostname: string, error: Error) => answerAll(hostname, () => Promise.reject(error)),
  };
}

describe('a look-up of a host name', () => {
  it('is one for all who ask while it is under way, and the next one asks again', async () => {
    const { look, hostnames, find } = nameServer();
    const looks = Array.from({ length: 50 }, () => look('slow.example'));
    expect(hostnames()).toEqual(['slow.example']);
    find('slow.example');
    expect(await Promise.all(looks)).toEqual(Array.from({ length: 50 }, () => [null, ADDRESSES]));
    const later = look('slow.example');
    expect(hostnames()).toHaveLength(2);
    find('slow.example');
    expect(await later).toEqual([null, ADDRESSES]);
  });

  it('waits for none of another host', async () => {
    const { look, hostnames, find } = nameServer();
    const hanging = look('slow.example');
    const other = look('quick.example');
    expect(hostnames()).toEqual(['slow.example', 'quick.example']);
    find('quick.example');
    expect(await other).toEqual([null, ADDRESSES]);
    find('slow.example');
    await hanging;
  });

  it('tells all of its failure, which is not kept', async () => {
    const { look, hostnames, find, fail } = nameServer();
    const error = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const looks = [look('new.example'), look('new.example')];
    fail('new.example', error);
    for (const each of looks) expect((await each)[0]).toBe(error);
    const again = look('new.example');
    expect(hostnames()).toHaveLength(2);
    find('new.example');
    expect(await again).toEqual([null, ADDRESSES]);
  });

  it('gives the first address alone to who does not want all', async () => {
    const { look, asked, find } = nameServer();
    const looks = [look('host.example', {}), look('host.example', { all: true })];
    expect(asked).toHaveLength(1);
    find('host.example');
    expect(await Promise.all(looks)).toEqual([
      [null, '2001:db8::1', 6],
      [null, ADDRESSES],
    ]);
  });

  it('is shared by none that wants another family or asks with other hints', async () => {
    const { look, asked, find } = nameServer();
    const wanted = [{ family: 4 }, { family: 6 }, { family: 4, hints: 1024 }, { family: 4 }];
    const looks = wanted.map((options) => look('host.example', options));
    expect(asked.map(({ options }) => options)).toEqual([
      { family: 4, all: true },
      { family: 6, all: true },
      { family: 4, hints: 1024, all: true },
    ]);
    find('host.example');
    await Promise.all(looks);
  });

  it('that hangs is one for all providers, and holds none up that is elsewhere', async () => {
    const asked: string[] = [];
    const lookUp = async (hostname: string): Promise<LookupAddress[]> => {
      asked.push(hostname);
      if (hostname === 'slow.example') await new Promise(() => undefined);
      return [{ address: '127.0.0.1', family: 4 }];
    };
    vi.spyOn(dns, 'lookup').mockImplementation(lookUp as never);
    onTestFinished(() => void vi.restoreAllMocks());
    const product = await Product.http(answers(204));
    const urls = ['http://slow.example/a', 'http://slow.example/b'];
    const [quick, ...slow] = [product.url('http', 'quick.example'), ...urls].map((url) =>
      webhookTo(url, { connectionsMax: 10 }),
    );
    const deadline = new AbortController();
    const calls = slow
      .flatMap((provider) => Array.from({ length: 10 }, () => provider))
      .map((provider) => provider.execute(actionWith(), ATTEMPT, deadline.signal));
    await vi.waitFor(() => expect(asked).toEqual(['slow.example']));
    expect(await quick!.execute(actionWith(), ATTEMPT, deadline.signal)).toEqual({
      kind: 'completed',
    });
    expect(asked).toEqual(['slow.example', 'quick.example']);
    deadline.abort(new Error('over'));
    await Promise.all(calls);
    await Promise.all([quick!, ...slow].map((provider) => provider.close()));
    await product.stop();
  });
});

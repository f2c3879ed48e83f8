import type { LookupAddress, LookupAllOptions } from 'node:dns';
import dns from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

type LookUp = (hostname: string, options: LookupAllOptions) => Promise<LookupAddress[]>;

/**
 * Looks host names up as `dns.lookup` does, but asks once for all who want to know the same at the same time. A look-up keeps
 * a thread of Node until the name server answers or the system gives up, whoever still waits, and there are few threads: else
 * those for one name whose server hangs would keep every other name from being found.
 */
export function sharedLookUp(
  lookUp: LookUp = (hostname, options) => dns.lookup(hostname, options),
): LookupFunction {
  const underWay = new Map<string, Promise<LookupAddress[]>>();

  const find: LookUp = (hostname, options) => {
    const question = JSON.stringify([hostname, options]);
    let found = underWay.get(question);
    if (!found) {
      found = lookUp(hostname, options).finally(() => underWay.delete(question));
      underWay.set(question, found);
    }
    return found;
  };

  const ask = callbackify(find);
  return (hostname, options, callback) =>
    ask(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (options.all || !first) callback(error, addresses ?? []);
      else callback(null, first.address, first.family);
    });
}

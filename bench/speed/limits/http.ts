import { freePort } from '../../../dev/process/ports.ts';
import { startIssuer } from '../../../test/support/issuer.ts';
import type { Latency } from '../../latency.ts';
import { Creates } from '../creates.ts';
import { create } from '../ours.ts';
import { withPrograms } from '../program.ts';
import { type Limit, metered } from './limit.ts';
import type { Steadily } from './steadily.ts';

/** Creates that are answered over HTTP and do nothing, at saturation; the load is not counted. */
export function httpCost(directory: string, count: number): Promise<Limit> {
  return withHttp(directory, async (creates, server) => {
    await creates.saturate(Math.ceil(count / 2)); // Warms up: not counted.
    return metered({ server }, count, false, () => creates.saturate(count));
  });
}

/** Of such a create. */
export function httpLatency(directory: string, steadily: Steadily): Promise<Latency> {
  return withHttp(directory, (creates) => steadily(() => creates.one()));
}

/** @param work is given the server's process id, too */
async function withHttp<T>(
  directory: string,
  work: (creates: Creates, server: number) => Promise<T>,
): Promise<T> {
  const issuer = await startIssuer();
  const port = await freePort();
  const program = {
    name: 'http-limit',
    script: 'bench/speed/limits/http-server.ts',
    env: { PORT: String(port), JWKS_URI: issuer.jwksUri },
    readyLine: 'ready',
  };
  try {
    const tokens = [await issuer.token()];
    return await withPrograms(directory, [program], async ([server]) => {
      const urls = [`http://127.0.0.1:${port}`];
      const creates = new Creates({ urls, path: '/actions', tokens, body: create });
      try {
        return await work(creates, server!.pid);
      } finally {
        await creates.close();
      }
    });
  } finally {
    await issuer.stop();
  }
}

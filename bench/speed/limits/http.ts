import { freePort } from '../../../dev/process/ports.ts';
import { startIssuer } from '../../../test/support/issuer.ts';
import { Creates } from '../creates.ts';
import { create } from '../ours.ts';
import { withPrograms } from '../program.ts';
import { type Limit, metered } from './limit.ts';

/** Creates that are answered over HTTP and do nothing; the load is not counted. */
export async function httpLimit(directory: string, count: number): Promise<Limit> {
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
        await creates.saturate(Math.ceil(count / 2)); // Warms up: not counted.
        const servers = { server: server!.pid };
        return await metered(servers, count, false, () => creates.saturate(count));
      } finally {
        await creates.close();
      }
    });
  } finally {
    await issuer.stop();
  }
}

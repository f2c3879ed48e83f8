import { freePort } from '../../../dev/process/ports.ts';
import { startIssuer } from '../../../test/support/issuer.ts';
import { type Latency, latencyOf } from '../../latency.ts';
import { Creates } from '../creates.ts';
import { openLoop } from '../open-loop.ts';
import { create } from '../ours.ts';
import { withPrograms } from '../program.ts';
import { type Limit, metered } from './limit.ts';

export interface HttpLimits {
  /** At saturation. */
  create: Limit;
  /** In an open loop, as the contenders' creates are. */
  answer: Latency;
}

export interface HttpSize {
  creates: number;
  createsPerSecond: number;
  steadySeconds: number;
}

/** Creates that are answered over HTTP and do nothing; the load is not counted. */
export async function httpLimits(
  directory: string,
  { creates: count, createsPerSecond: perSecond, steadySeconds }: HttpSize,
): Promise<HttpLimits> {
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
        const limit = await metered(servers, count, false, () => creates.saturate(count));
        const load = { count: perSecond * steadySeconds, perSecond };
        const steady = () => openLoop(load, () => creates.one());
        await steady(); // Not counted, as for the contenders.
        const answers = await steady();
        const answer = latencyOf(
          answers.map(({ dueAtMs, answeredAtMs }) => answeredAtMs - dueAtMs),
        );
        return { create: limit, answer };
      } finally {
        await creates.close();
      }
    });
  } finally {
    await issuer.stop();
  }
}

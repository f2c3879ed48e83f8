import { inParallel } from '../../test/support/in-parallel.ts';
import { Creates, type Endpoint } from '../speed/creates.ts';
import { Answers } from './answers.ts';

/** If nothing is refused with so many times the backlog accepted, nothing will be. */
const BACKLOGS_MAX = 3;
/** Who is only refused must not go on for ever. */
const SECONDS_MAX = 300;

interface Flood {
  answers: Answers;
  acceptedPerSecond: number;
}

/**
 * Sends creates on every connection at once, each as soon as the one before it is answered, whatever the answer: nobody waits
 * as long as `Retry-After` asks for. Until `backlog` are accepted and some were refused.
 */
export async function flood(endpoint: Endpoint, backlog: number): Promise<Flood> {
  const answers = new Answers();
  const creates = new Creates(endpoint);
  const began = performance.now();
  const deadline = began + SECONDS_MAX * 1000;
  const goesOn = () =>
    performance.now() < deadline &&
    answers.accepted < backlog * BACKLOGS_MAX &&
    (answers.accepted < backlog || answers.refused === 0);
  const lanes = Array.from({ length: endpoint.connections ?? 1 });
  try {
    await inParallel(lanes, lanes.length, async () => {
      while (goesOn()) answers.add(await creates.once());
    });
    const seconds = (performance.now() - began) / 1000;
    return { answers, acceptedPerSecond: answers.accepted / seconds };
  } finally {
    await creates.close();
  }
}

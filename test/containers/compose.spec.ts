import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Client, PUBLISHED_SAMPLE } from '../support/client.ts';
import { ComposeProject } from './compose-project.ts';
import { reasonToSkip } from './engine.ts';

const IMAGES = ['node:24-bookworm-slim', 'apache/kafka:4.4.0', 'postgres:18-alpine'];
const BUILD_TIMEOUT_MS = 9 * 60_000;
const STEP_TIMEOUT_MS = 3 * 60_000;

const reason = await reasonToSkip('docker compose', IMAGES, { needsCompose: true });

describe.skipIf(reason !== undefined)('docker compose', () => {
  let project: ComposeProject;
  let client: Client;
  let id: string;

  beforeAll(async () => {
    project = await ComposeProject.create();
    await project.compose('build');
    await project.compose('up', '--detach', '--wait');
    client = new Client(project.url, await project.token());
  }, BUILD_TIMEOUT_MS);

  afterAll(() => project?.remove(), STEP_TIMEOUT_MS);

  it('runs the published request to Completed', async () => {
    id = await client.created(PUBLISHED_SAMPLE);
    await vi.waitFor(
      async () => expect((await client.get(id)).body).toMatchObject({ status: 'Completed' }),
      { timeout: 40_000, interval: 100 },
    );
  });

  it(
    'keeps actions, and the tokens that were given out, through `down` and `up`',
    async () => {
      await project.compose('down');
      await project.compose('up', '--detach', '--wait');
      expect((await client.get(id)).body).toMatchObject({ id, status: 'Completed' });
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'ends API and worker with code 0',
    async () => {
      await project.compose('stop', 'api', 'worker');
      expect(await project.exitCodes('api', 'worker')).toEqual(['0', '0']);
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'leaves nothing after `down -v`',
    async () => {
      const volumes = await project.volumesInUse();
      // One without a name would outlive a `down` and be nobody's from then on.
      expect(volumes.filter((volume) => !volume.startsWith(`${project.name}_`))).toEqual([]);
      expect(volumes).toHaveLength(3);
      await project.compose('down', '--volumes');
      expect(await project.remains()).toEqual([]);
    },
    STEP_TIMEOUT_MS,
  );
});

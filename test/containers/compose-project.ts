import { randomBytes } from 'node:crypto';
import { freePort } from '../../dev/process/ports.ts';
import { runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';

const COMMAND_TIMEOUT_MS = 4 * 60_000;

/** The repository's docker-compose.yml under a name, on ports and with images of its own. */
export class ComposeProject {
  readonly name = `sa-test-${randomBytes(4).toString('hex')}`;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  static async create(): Promise<ComposeProject> {
    const variables = ['HTTP_PORT', 'ADMIN_PORT', 'ISSUER_PORT', 'KAFKA_PORT'];
    const ports = await Promise.all(
      variables.map(async (variable) => [variable, String(await freePort())]),
    );
    return new ComposeProject({ ...process.env, ...Object.fromEntries(ports) });
  }

  /** Where the API answers. */
  get url(): string {
    return `http://localhost:${this.#env['HTTP_PORT']}`;
  }

  /** Runs `docker compose …` and returns what it printed. @throws when it fails */
  compose(...args: string[]): Promise<string> {
    // Not the .env of whoever runs the tests.
    const command = ['compose', '--env-file', '/dev/null', '--project-name', this.name, ...args];
    return this.#docker(command);
  }

  /** The only line is the token: anything else printed makes it useless, and the test fail. */
  async token(): Promise<string> {
    return (await this.compose('exec', '-T', 'issuer', 'node', 'dev/main.ts', 'token')).trim();
  }

  /** With which code each container of these services ended. */
  async exitCodes(...services: string[]): Promise<string[]> {
    const ids = await this.compose('ps', '--all', '--quiet', ...services);
    return lines(await this.#docker(['inspect', '--format', '{{.State.ExitCode}}', ...lines(ids)]));
  }

  /** The volumes that the containers use, those without a name of ours included. */
  async volumesInUse(): Promise<string[]> {
    const ids = await this.compose('ps', '--all', '--quiet');
    const format = '{{range .Mounts}}{{println .Name}}{{end}}';
    return lines(await this.#docker(['inspect', '--format', format, ...lines(ids)]));
  }

  /** Containers, volumes and networks of this project that are there. */
  async remains(): Promise<string[]> {
    const label = ['--filter', `label=com.docker.compose.project=${this.name}`, '--quiet'];
    const lists = await Promise.all([
      this.#docker(['ps', '--all', ...label]),
      this.#docker(['volume', 'ls', ...label]),
      this.#docker(['network', 'ls', ...label]),
    ]);
    return lists.flatMap(lines);
  }

  /** Ends it whatever its state, its images included. */
  async remove(): Promise<void> {
    await this.compose('down', '--volumes', '--timeout', '5');
    const images = lines(await this.#docker(['images', '--quiet', `${this.name}*`]));
    if (images.length > 0) await this.#docker(['image', 'rm', '--force', ...new Set(images)]);
  }

  #docker(args: string[]): Promise<string> {
    const signal = AbortSignal.timeout(COMMAND_TIMEOUT_MS);
    return runOrThrow(`docker ${args.join(' ')}`, ['docker', ...args], {
      cwd: root,
      env: this.#env,
      signal,
    });
  }
}

function lines(output: string): string[] {
  return output.split('\n').filter((line) => line.trim() !== '');
}

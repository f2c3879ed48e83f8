import { readFileSync } from 'node:fs';
import { ServiceProcess } from '../../dev/process/service.ts';

/** What docs/operations.md allows beyond SHUTDOWN_GRACE_MS, and as much again for a machine that runs all tests. */
const AFTER_GRACE_MS = 10_000;

/** One API or worker process. */
export class AppProcess extends ServiceProcess {
  readonly url: string;
  /** Only when the system was started with `https`. */
  readonly httpsUrl: string;
  readonly adminUrl: string;
  readonly #logFile: string;
  readonly #graceMs: number;

  constructor(
    service: ConstructorParameters<typeof ServiceProcess>[0],
    child: ConstructorParameters<typeof ServiceProcess>[1],
    details: {
      url: string;
      httpsUrl: string;
      adminUrl: string;
      logFile: string;
      /** SHUTDOWN_GRACE_MS, as it was started with. */
      graceMs: number;
    },
  ) {
    super(service, child);
    this.url = details.url;
    this.httpsUrl = details.httpsUrl;
    this.adminUrl = details.adminUrl;
    this.#logFile = details.logFile;
    this.#graceMs = details.graceMs;
  }

  override stop(graceMs = this.#graceMs + AFTER_GRACE_MS): Promise<boolean> {
    return super.stop(graceMs);
  }

  /** Everything the process has logged. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }
}

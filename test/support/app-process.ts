import { readFileSync } from 'node:fs';
import { ServiceProcess } from '../../dev/process/service.ts';

/** One API or worker process. */
export class AppProcess extends ServiceProcess {
  readonly url: string;
  /** Only when the system was started with `https`. */
  readonly httpsUrl: string;
  readonly adminUrl: string;
  readonly #logFile: string;

  constructor(
    service: ConstructorParameters<typeof ServiceProcess>[0],
    child: ConstructorParameters<typeof ServiceProcess>[1],
    addresses: { url: string; httpsUrl: string; adminUrl: string; logFile: string },
  ) {
    super(service, child);
    this.url = addresses.url;
    this.httpsUrl = addresses.httpsUrl;
    this.adminUrl = addresses.adminUrl;
    this.#logFile = addresses.logFile;
  }

  /** Everything the process has logged. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }
}

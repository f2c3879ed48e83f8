import type { Settings } from '#config/settings';
import type { ProviderEntry } from '#providers/catalogue';
import type { Provider } from '#providers/provider';
import { SimulatedProvider } from '#providers/simulated.provider';

/** What runs the entries of the catalogue, by their type. A new type is a file and a line here. */
export class Providers {
  readonly #byType: Record<ProviderEntry['type'], Provider>;

  constructor(byType: Record<ProviderEntry['type'], Provider>) {
    this.#byType = byType;
  }

  for(entry: ProviderEntry): Provider {
    return this.#byType[entry.type];
  }
}

export function createProviders(settings: Settings): Providers {
  return new Providers({ simulated: new SimulatedProvider(settings.SIMULATOR_EFFECTS_FILE) });
}

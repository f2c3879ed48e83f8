import type { Settings } from '#config/settings';
import { type Catalogue, type ProviderEntry, providerKey } from '#providers/catalogue';
import type { Provider } from '#providers/provider';
import { SimulatedProvider } from '#providers/simulated.provider';

/** What runs the entries of the catalogue: one provider for each. */
export class Providers {
  readonly #byKey: ReadonlyMap<string, Provider>;

  constructor(byKey: ReadonlyMap<string, Provider>) {
    this.#byKey = byKey;
  }

  for(entry: ProviderEntry): Provider {
    return this.#byKey.get(providerKey(entry))!;
  }
}

export function createProviders(settings: Settings, catalogue: Catalogue): Providers {
  return new Providers(
    new Map(catalogue.providers.map((entry) => [providerKey(entry), create(entry, settings)])),
  );
}

/** A new type is a file and a line here. */
function create(entry: ProviderEntry, settings: Settings): Provider {
  switch (entry.type) {
    case 'simulated':
      return new SimulatedProvider(settings.SIMULATOR_EFFECTS_FILE);
  }
}

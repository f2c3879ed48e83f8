import type { OnApplicationShutdown } from '@nestjs/common';
import { type Settings, readSecret } from '#config/settings';
import { PublishError } from '#kafka/publish-errors';
import type { Publisher } from '#kafka/publisher';
import { bearsRepeats } from '#providers/bears-repeats';
import { type Catalogue, type ProviderEntry, providerKey } from '#providers/catalogue';
import { type Dispatch, type Dispatched, KafkaProvider } from '#providers/kafka.provider';
import type { Provider } from '#providers/provider';
import { SimulatedProvider } from '#providers/simulated.provider';
import { WebhookProvider } from '#providers/webhook.provider';

/** What runs the entries of the catalogue: one provider for each. */
export class Providers implements OnApplicationShutdown {
  readonly #byKey: ReadonlyMap<string, Provider>;

  constructor(byKey: ReadonlyMap<string, Provider>) {
    this.#byKey = byKey;
  }

  for(entry: ProviderEntry): Provider {
    return this.#byKey.get(providerKey(entry))!;
  }

  /** After the engine has drained: what still runs then is ended. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.#byKey.values()].map(async (provider) => provider.close?.()));
  }
}

/**
 * Providers with calls that a stop of the worker may abort and that end as outcome unknown then: they may take longer than
 * `graceMs`, must not be repeated, and cannot be asked about.
 */
export function cutOffByAStop({ providers }: Catalogue, graceMs: number): string[] {
  return providers
    .filter((entry) => entry.timeoutMs > graceMs && !bearsRepeats(entry))
    .filter(({ capabilities }) => !capabilities.probe)
    .map(providerKey);
}

export function createProviders(
  settings: Settings,
  catalogue: Catalogue,
  publisher: Pick<Publisher, 'publish'>,
): Providers {
  return new Providers(
    new Map(
      catalogue.providers.map((entry) => [providerKey(entry), create(entry, settings, publisher)]),
    ),
  );
}

/** A new type is a file and a line here. */
function create(
  entry: ProviderEntry,
  settings: Settings,
  publisher: Pick<Publisher, 'publish'>,
): Provider {
  switch (entry.type) {
    case 'simulated':
      return new SimulatedProvider(settings.SIMULATOR_EFFECTS_FILE, entry.capabilities);
    case 'webhook':
      return new WebhookProvider(entry, readSecret);
    case 'kafka':
      return new KafkaProvider(entry, (dispatch) => publishTo(publisher, dispatch));
  }
}

async function publishTo(
  publisher: Pick<Publisher, 'publish'>,
  dispatch: Dispatch,
): Promise<Dispatched> {
  try {
    await publisher.publish(dispatch);
    return { fate: 'written' };
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return { fate: error.fate, reason: error.message };
  }
}

import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Settings } from '#config/settings';
import { Relay } from '../events/relay.ts';
import { Canceller } from './canceller.ts';
import { Dispatcher } from './dispatcher.ts';
import { Executor } from './executor.ts';
import { Holdings } from './holdings.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Recovery } from './recovery.ts';
import { Settler } from './settler.ts';
import { SlotKeeper } from './slot-keeper.ts';

/** How long outcomes may still be written once every call has ended or was aborted. */
const LAST_WORDS_MS = 2000;

/** The order in which these parts of the worker start and stop. Others, such as the lookout, do so by themselves. */
@Injectable()
export class Engine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #holdings: Holdings;
  readonly #executor: Executor;
  readonly #settler: Settler;
  readonly #dispatcher: Dispatcher;
  readonly #canceller: Canceller;
  readonly #slotKeeper: SlotKeeper;
  readonly #leaseKeeper: LeaseKeeper;
  readonly #recovery: Recovery;
  readonly #relay: Relay;
  readonly #graceMs: number;

  // oxlint-disable-next-line max-params -- the one place that knows them all
  constructor(
    holdings: Holdings,
    executor: Executor,
    settler: Settler,
    dispatcher: Dispatcher,
    canceller: Canceller,
    slotKeeper: SlotKeeper,
    leaseKeeper: LeaseKeeper,
    recovery: Recovery,
    relay: Relay,
    settings: Settings,
  ) {
    this.#holdings = holdings;
    this.#executor = executor;
    this.#settler = settler;
    this.#dispatcher = dispatcher;
    this.#canceller = canceller;
    this.#slotKeeper = slotKeeper;
    this.#leaseKeeper = leaseKeeper;
    this.#recovery = recovery;
    this.#relay = relay;
    this.#graceMs = settings.SHUTDOWN_GRACE_MS;
  }

  onApplicationBootstrap(): void {
    for (const { loop } of [
      this.#slotKeeper,
      this.#leaseKeeper,
      this.#dispatcher,
      this.#canceller,
      this.#recovery,
      this.#relay,
    ]) {
      loop.start();
    }
  }

  /**
   * Nothing new is claimed, what is in flight gets its grace, the last events go out. All of it before Nest stops
   * the consumer and closes the pools; what the consumer still stores meanwhile waits for the next worker.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([
      this.#holdings.close(),
      this.#dispatcher.loop.stop(),
      this.#canceller.loop.stop(),
      this.#recovery.loop.stop(),
    ]);
    const deadline = setTimeout(() => this.#settler.abandon(), this.#graceMs + LAST_WORDS_MS);
    await this.#executor.drain(this.#graceMs);
    clearTimeout(deadline);
    await Promise.all([this.#leaseKeeper.loop.stop(), this.#slotKeeper.stop(), this.#relay.stop()]);
  }
}

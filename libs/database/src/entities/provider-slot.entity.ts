import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * How many calls a worker may have under way at a provider: all workers together share its `concurrencyMax`. Also who
 * serves a provider at all, and whether that worker finds it in order.
 */
@Entity('provider_slot')
export class ProviderSlotEntity {
  @PrimaryColumn('text')
  providerKey!: string;

  /** The worker's name. */
  @PrimaryColumn('text')
  owner!: string;

  @Column('integer')
  slots!: number;

  /** The worker calls it no more for the moment, because call after call failed. */
  @Column('boolean')
  circuitOpen!: boolean;

  @Column('timestamptz')
  leaseUntil!: Date;
}

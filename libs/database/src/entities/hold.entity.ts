import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * An emergency stop: as long as it stands, nothing it covers is dispatched. It covers what all of its scope names; a
 * part of the scope that is null covers everything.
 */
@Entity('hold')
@Index('hold_standing', ['createdDateTime'], { where: '"releasedDateTime" IS NULL' })
export class HoldEntity {
  @PrimaryColumn('uuid')
  id!: string;

  /** The tenant whose actions wait. */
  @Column('text', { nullable: true })
  azureTenantId!: string | null;

  /** `vendor/provider` as the catalogue spells it. */
  @Column('text', { nullable: true })
  providerKey!: string | null;

  /** As the catalogue spells it. */
  @Column('text', { nullable: true })
  actionName!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column({ type: 'timestamptz', precision: 3 })
  createdDateTime!: Date;

  @Column('text')
  createdByTenantId!: string;

  @Column('text')
  createdByAppId!: string;

  @Column('text', { nullable: true })
  createdByUser!: string | null;

  /** Null: it stands. A released hold is kept: the history of holds. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  releasedDateTime!: Date | null;

  @Column('text', { nullable: true })
  releasedByTenantId!: string | null;

  @Column('text', { nullable: true })
  releasedByAppId!: string | null;

  @Column('text', { nullable: true })
  releasedByUser!: string | null;
}

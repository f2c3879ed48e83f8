import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Which worker relays the outbox: one row, taken over when it expires. */
@Entity('relay_lease')
export class RelayLeaseEntity {
  @PrimaryColumn('text')
  name!: string;

  @Column('text')
  owner!: string;

  /** Rises with every change of owner; a relay that was overtaken can delete nothing any more. */
  @Column('bigint')
  epoch!: string;

  @Column('timestamptz')
  leaseUntil!: Date;
}

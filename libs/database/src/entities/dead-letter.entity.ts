import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { DeadLetterState } from '#domain/dead-letter';

/** A header as it came: repeated ones stand here as often; the value in base64, null where Kafka had null. */
export type KeptHeader = [name: string, value: string | null];

/**
 * A message that could not be used, and what was decided about it. The topic of dead letters holds the message itself;
 * this is what of it can be looked up and sent again.
 */
@Entity('dead_letter')
@Index('dead_letter_newest', ['azureTenantId', 'createdDateTime', 'id'])
// For operators of every tenant, and for what grows old.
@Index('dead_letter_newest_of_all', ['createdDateTime', 'id'])
@Index('dead_letter_id', ['id'])
@Index('dead_letter_open', ['createdDateTime', 'id', 'azureTenantId'], {
  where: `"state" = 'open'`,
})
export class DeadLetterEntity {
  /** The tenant of who sent it; empty if nobody has proved to have sent it. */
  @PrimaryColumn('text')
  azureTenantId!: string;

  /** Derived from the origin: each letter that is written of one message is this one. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  state!: DeadLetterState;

  /** When it was put aside. */
  @Column({ type: 'timestamptz', precision: 3 })
  createdDateTime!: Date;

  /** A code of the table of errors. */
  @Column('text')
  code!: string;

  @Column('text')
  message!: string;

  /** How often its partition had been tried from where the batch with it began. */
  @Column('integer')
  attempts!: number;

  @Column({ type: 'timestamptz', precision: 3 })
  firstFailedDateTime!: Date;

  /** Null if nobody has proved to have sent it. */
  @Column('text', { nullable: true })
  appId!: string | null;

  @Column('text', { nullable: true })
  user!: string | null;

  /** The name on the wire of the topic it came from. */
  @Column('text')
  originTopic!: string;

  @Column('integer')
  originPartition!: number;

  @Column('bigint')
  originOffset!: string;

  /** In milliseconds since the epoch, as Kafka has it: whatever a producer wrote, if the topic lets it. */
  @Column('double precision')
  originTimestamp!: number;

  /** Where the original is, as long as the topic of dead letters keeps it. */
  @Column('integer')
  partition!: number;

  @Column('bigint')
  offset!: string;

  /** Null for a message without a value. */
  @Column('integer', { nullable: true })
  valueBytes!: number | null;

  /** Null: the message is too large for its contents to be kept, key and value included. json keeps what jsonb refuses. */
  @Column('json', { nullable: true })
  headers!: KeptHeader[] | null;

  @Column('bytea', { nullable: true })
  key!: Buffer | null;

  @Column('bytea', { nullable: true })
  value!: Buffer | null;

  /** When it was replayed or discarded. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  decidedDateTime!: Date | null;

  @Column('text', { nullable: true })
  decidedByTenantId!: string | null;

  @Column('text', { nullable: true })
  decidedByAppId!: string | null;

  @Column('text', { nullable: true })
  decidedByUser!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  /** The action that it became, or that it reported about. */
  @Column('uuid', { nullable: true })
  actionId!: string | null;
}

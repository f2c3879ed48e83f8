import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Which action a client's `Idempotency-Key` stands for. Apart from the action, so that one without a key costs nothing more. */
@Entity('idempotency_key')
@Index('idempotency_key_action', ['azureTenantId', 'actionId'])
export class IdempotencyKeyEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('text')
  appId!: string;

  @PrimaryColumn('text')
  key!: string;

  @Column('uuid')
  actionId!: string;

  /** When the ingest last met a command with this key: by then all of those that Kafka may bring again had been accepted. */
  @Column({ type: 'timestamptz', default: () => 'now()' })
  usedDateTime!: Date;
}

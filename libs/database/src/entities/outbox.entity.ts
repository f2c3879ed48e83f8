import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Events that Kafka does not have yet, in the order in which they must get there. */
@Entity('outbox')
export class OutboxEntity {
  /** Taken while the action's row is locked, so that two events of one action cannot swap. */
  @PrimaryColumn({ type: 'bigint', generated: 'identity', generatedIdentity: 'ALWAYS' })
  position!: string;

  @Column('text')
  azureTenantId!: string;

  @Column('uuid')
  actionId!: string;

  @Column('integer')
  sequence!: number;
}

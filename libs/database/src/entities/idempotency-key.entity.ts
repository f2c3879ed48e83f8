import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Which action a client's `Idempotency-Key` stands for. Apart from the action, so that one without a key costs nothing more. */
@Entity('idempotency_key')
export class IdempotencyKeyEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('text')
  appId!: string;

  @PrimaryColumn('text')
  key!: string;

  @Column('uuid')
  actionId!: string;
}

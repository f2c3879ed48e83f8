import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An id that a resend was answered with, before it was known to be one: it stands for the action of the first sending. */
@Entity('security_action_alias')
@Index('security_action_alias_action', ['azureTenantId', 'actionId'])
export class SecurityActionAliasEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('uuid')
  aliasId!: string;

  @Column('uuid')
  actionId!: string;

  /** When the API accepted the resend. */
  @Column({ type: 'timestamptz', precision: 3 })
  acceptedDateTime!: Date;
}

import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * The timer of an action that is to be undone by itself: a narrow row for each revert that is pending, deleted once
 * the revert is an action of its own or is not wanted any more. When it is due, the action's own row says.
 */
@Entity('security_action_revert')
@Index('security_action_revert_look', ['providerKey', 'lookDateTime'])
export class SecurityActionRevertEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('uuid')
  actionId!: string;

  @Column('text')
  providerKey!: string;

  /** When a worker looks at it next; never after its revert can be due. */
  @Column({ type: 'timestamptz', precision: 3 })
  lookDateTime!: Date;

  /** Set before the command of the revert is published: from then on it may be in the log. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  requestedDateTime!: Date | null;
}

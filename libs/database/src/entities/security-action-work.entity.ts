import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What is still to do: a narrow row per unfinished action, deleted when it ends. Its lock decides between
 * claim, cancel, settle and recovery: whoever holds it may change the action, nobody else.
 */
@Entity('security_action_work')
@Index('security_action_work_claim', ['providerKey', 'dueDateTime', 'position'], {
  where: '"ready" AND "leaseOwner" IS NULL AND NOT "awaitingReport"',
})
@Index('security_action_work_target', ['azureTenantId', 'targetKey', 'position'], {
  where: '"targetKey" IS NOT NULL',
})
@Index('security_action_work_lease', ['leaseUntil'], { where: '"leaseOwner" IS NOT NULL' })
export class SecurityActionWorkEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('uuid')
  actionId!: string;

  @Column('bigint')
  position!: string;

  @Column('text')
  providerKey!: string;

  @Column('uuid', { nullable: true })
  targetKey!: string | null;

  /** First of its target, or without one: may be claimed when due. */
  @Column('boolean')
  ready!: boolean;

  @Column('timestamptz')
  dueDateTime!: Date;

  /** Attempts so far. */
  @Column('integer', { default: 0 })
  attempt!: number;

  /** The fencing token: new for every claim; only its holder may settle. */
  @Column('uuid', { nullable: true })
  attemptId!: string | null;

  @Column('text', { nullable: true })
  leaseOwner!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  leaseUntil!: Date | null;

  /** Set right before a call that must not be repeated: from then on the provider may have acted. */
  @Column({ type: 'timestamptz', nullable: true })
  sentDateTime!: Date | null;

  /**
   * Whether the worker that claimed it took its provider for one that bears repeats. Kept here, because the catalogue
   * may say something else by the time the worker's fate is judged.
   */
  @Column('boolean', { nullable: true })
  repeatable!: boolean | null;

  /** Run by somebody who will report its end: never claimed. */
  @Column('boolean', { default: false })
  awaitingReport!: boolean;

  /** An earlier attempt may have acted. */
  @Column('boolean', { default: false })
  mayHaveActed!: boolean;
}

import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What is still to do: a narrow row per unfinished action, deleted when it ends. Its lock decides between
 * claim, cancel, settle and recovery: whoever holds it may change the action, nobody else.
 */
@Entity('security_action_work')
@Index(
  'security_action_work_claim',
  ['providerKey', 'azureTenantId', 'actionName', 'dueDateTime', 'position'],
  { where: '"ready" AND "leaseOwner" IS NULL' },
)
@Index('security_action_work_target', ['azureTenantId', 'targetKey', 'position'], {
  where: '"targetKey" IS NOT NULL',
})
@Index('security_action_work_lease', ['leaseUntil'], { where: '"leaseOwner" IS NOT NULL' })
@Index('security_action_work_cancel', ['cancelRequestedDateTime'], {
  where: '"cancelRequestedDateTime" IS NOT NULL',
})
@Index('security_action_work_cancel_provider', ['providerKey', 'cancelRequestedDateTime'], {
  where: '"cancelRequestedDateTime" IS NOT NULL',
})
@Index('security_action_work_report', ['azureTenantId', 'position'], { where: '"awaitingReport"' })
@Check('security_action_work_next', `"next" IN ('call', 'probe')`)
export class SecurityActionWorkEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('uuid')
  actionId!: string;

  @Column('bigint')
  position!: string;

  @Column('text')
  providerKey!: string;

  /** As the catalogue spells it; '' for rows of a release that did not keep it. */
  @Column('text', { default: '' })
  actionName!: string;

  @Column('uuid', { nullable: true })
  targetKey!: string | null;

  /** First of its target, or without one: may be claimed when due. */
  @Column('boolean')
  ready!: boolean;

  @Column('timestamptz')
  dueDateTime!: Date;

  /** The action's `createdDateTime`. */
  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  acceptedDateTime!: Date;

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

  /** What its next claim is for: to call the provider, or to ask it: what became of the last call, or to take it back. */
  @Column('text', { default: 'call' })
  next!: 'call' | 'probe';

  /** How often its provider was asked so far; a question that could not be put counts for nothing. */
  @Column('integer', { default: 0 })
  probes!: number;

  /** Since when its provider could not be asked at all; null once a call got through. */
  @Column({ type: 'timestamptz', nullable: true })
  unavailableSince!: Date | null;

  /** Somebody wants it stopped: no call begins once the worker that holds it, if one does, has seen this. */
  @Column({ type: 'timestamptz', nullable: true })
  cancelRequestedDateTime!: Date | null;

  /** Run by somebody who will report its end; looked into when it is due. */
  @Column('boolean', { default: false })
  awaitingReport!: boolean;

  /** The last call, while its provider runs it or is asked about it: what it reports is about that one. */
  @Column('uuid', { nullable: true })
  acceptedAttemptId!: string | null;

  /** An earlier attempt may have acted. */
  @Column('boolean', { default: false })
  mayHaveActed!: boolean;
}

import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { KeyValuePair, ResultInfo, VendorInformation } from '#domain/security-action';
import type { Status } from '#domain/status';

/** The late truth about an action, and who told it. */
export interface ReportedAfterwards {
  status: Status;
  errorInfo: ResultInfo | null;
  appId: string | null;
  user: string | null;
  dateTime: string;
}

/**
 * One row per action, under Graph's own names. No index on the status, and room left on each page: a change
 * of status then rewrites the row in place (a HOT update) and touches no index.
 */
@Entity('security_action')
@Index('security_action_position', ['azureTenantId', 'position'], { unique: true })
@Index('security_action_target', ['azureTenantId', 'targetKey', 'position'], {
  where: '"targetKey" IS NOT NULL',
})
@Index('security_action_resent', ['createdDateTime'], { where: '"isResend"' })
@Index('security_action_resend', ['resendKey'], { where: '"isResend"' })
@Index('security_action_untargeted', ['resendKey'], { where: '"targetKey" IS NULL' })
@Check('security_action_status', `"status" IN ('NotStarted', 'Running', 'Completed', 'Failed')`)
@Check(
  'security_action_completed',
  `("status" IN ('Completed', 'Failed')) = ("completedDateTime" IS NOT NULL)`,
)
@Check('security_action_error', `("status" = 'Failed') = ("errorInfo" IS NOT NULL)`)
export class SecurityActionEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('uuid')
  id!: string;

  /** Taken at insert, in log order: what came first on a target has the lower one. */
  @Column({ type: 'bigint', generated: 'identity', generatedIdentity: 'ALWAYS' })
  position!: string;

  /** The number of events so far; the `sequence` of the newest. */
  @Column('integer')
  version!: number;

  @Column('text')
  status!: Status;

  /** `vendor/provider` as the catalogue spelled it when the action was accepted. */
  @Column('text')
  providerKey!: string;

  /** The action's name as the catalogue spells it; `name` keeps the caller's spelling. */
  @Column('text')
  actionName!: string;

  @Column('uuid', { nullable: true })
  targetKey!: string | null;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  actionReason!: string | null;

  @Column('text')
  appId!: string;

  @Column('text', { nullable: true })
  user!: string | null;

  @Column('text', { nullable: true })
  clientContext!: string | null;

  @Column('text', { nullable: true })
  clientRequestId!: string | null;

  @Column('uuid')
  resendKey!: string;

  /** It was made from a create whose client said that it had sent it before; nothing of that was stored. */
  @Column('boolean', { default: false })
  isResend!: boolean;

  @Column('jsonb')
  parameters!: KeyValuePair[];

  @Column('jsonb')
  vendorInformation!: VendorInformation;

  /** The open-type properties of the root. */
  @Column('jsonb')
  properties!: Record<string, unknown>;

  @Column('jsonb', { nullable: true })
  errorInfo!: ResultInfo | null;

  /** The trace of its ingest, as the W3C writes it: its calls and events carry it on. */
  @Column('text', { nullable: true })
  traceparent!: string | null;

  /** What was reported after the action had ended with its outcome unknown. */
  @Column('jsonb', { nullable: true })
  reportedAfterwards!: ReportedAfterwards | null;

  /** When it is to be undone, if a moment was given; null again once it will not be. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  revertDateTime!: Date | null;

  /** The same as an ISO 8601 duration from its end, as it was sent. */
  @Column('text', { nullable: true })
  revertAfter!: string | null;

  /** The action that this one undoes: then a timer made it. */
  @Column('uuid', { nullable: true })
  revertsActionId!: string | null;

  /** The action that a timer made to undo this one. */
  @Column('uuid', { nullable: true })
  revertedByActionId!: string | null;

  @Column({ type: 'timestamptz', precision: 3 })
  createdDateTime!: Date;

  @Column({ type: 'timestamptz', precision: 3 })
  lastActionDateTime!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  completedDateTime!: Date | null;

  /** Set by DELETE: hidden from then on, but the id stays taken. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedDateTime!: Date | null;
}

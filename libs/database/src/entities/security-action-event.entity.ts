import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { EventType } from '#domain/event';
import type { ResultInfo } from '#domain/security-action';
import type { Status } from '#domain/status';

/** What an action says about its revert after an event. */
export interface RevertState {
  revertDateTime: string | null;
  revertAfter: string | null;
  revertedByActionId: string | null;
}

/**
 * The log of an action, written with each change in the same transaction and never changed: audit, history,
 * `states` and the events topic all come from here.
 */
@Entity('security_action_event')
export class SecurityActionEventEntity {
  @PrimaryColumn('text')
  azureTenantId!: string;

  @PrimaryColumn('uuid')
  actionId!: string;

  /** 1, 2, 3 … per action without gaps. */
  @PrimaryColumn('integer')
  sequence!: number;

  @Column('text')
  type!: EventType;

  /** The status after the event. */
  @Column('text')
  status!: Status;

  /** Whether the event changed the status, and so shows in `states`. */
  @Column('boolean')
  changedStatus!: boolean;

  @Column({ type: 'timestamptz', precision: 3 })
  dateTime!: Date;

  @Column('integer', { nullable: true })
  attempt!: number | null;

  @Column('uuid', { nullable: true })
  attemptId!: string | null;

  /** Who did it; null for what the service does by itself. */
  @Column('text', { nullable: true })
  appId!: string | null;

  @Column('text', { nullable: true })
  user!: string | null;

  @Column('jsonb', { nullable: true })
  errorInfo!: ResultInfo | null;

  /** Only on events that changed it. */
  @Column('jsonb', { nullable: true })
  revert!: RevertState | null;
}

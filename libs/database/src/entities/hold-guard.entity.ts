import { Entity, PrimaryColumn } from 'typeorm';

/**
 * One row that every claim locks for sharing and every new hold locks for itself: once a hold is on record, no claim
 * that did not see it is still to come.
 */
@Entity('hold_guard')
export class HoldGuardEntity {
  @PrimaryColumn('text')
  name!: string;
}

import { Entity, PrimaryColumn } from 'typeorm';

/**
 * A table that every claim locks for sharing and every new hold locks for itself: once a hold is on record, no claim that
 * did not see it is still to come. What is in it is of no matter.
 */
@Entity('hold_guard')
export class HoldGuardEntity {
  @PrimaryColumn('text')
  name!: string;
}

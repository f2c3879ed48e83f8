import type { MigrationInterface, QueryRunner } from 'typeorm';
import { STARTED_UNDER_HOLD } from '../sqlstate.ts';

/**
 * What was started under a hold can be refused by a statement that nobody waits for: it fails, and the end of its transaction,
 * which is sent along, undoes what it was to confirm.
 */
export class StartedUnderHold1765000300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE FUNCTION "raise_started_under_hold"() RETURNS void LANGUAGE plpgsql AS $$
       BEGIN
         RAISE EXCEPTION 'started under a hold' USING ERRCODE = '${STARTED_UNDER_HOLD}';
       END $$`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION "raise_started_under_hold"()`);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SERIALIZATION_FAILURE } from '../sqlstate.ts';

/** A statement that is sent along with the commit can say itself that its transaction has to be tried again. */
export class LookAgain1765000350000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE FUNCTION "raise_look_again"() RETURNS boolean LANGUAGE plpgsql AS $$
       BEGIN
         RAISE EXCEPTION 'what was found has ended meanwhile' USING ERRCODE = '${SERIALIZATION_FAILURE}';
       END $$`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION "raise_look_again"()`);
  }
}

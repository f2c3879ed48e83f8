import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A page has room for the second version of each of its rows. An action is written twice, as it starts and as it ends, and
 * often all actions of a page within milliseconds; where the second version does not fit beside the first, it costs an
 * entry in every index. Pages that are full by now stay as they are.
 */
export class RoomForTheEnd1765000250000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "security_action" SET (fillfactor = 50)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "security_action" SET (fillfactor = 80)`);
  }
}

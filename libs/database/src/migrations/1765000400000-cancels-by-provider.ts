import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Cancels are taken by provider: those that wait at one are not to be read for the sake of the others. */
export class CancelsByProvider1765000400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX "security_action_work_cancel_provider"
           ON "security_action_work" ("providerKey", "cancelRequestedDateTime")
        WHERE "cancelRequestedDateTime" IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "security_action_work_cancel_provider"`);
  }
}

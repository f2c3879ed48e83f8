import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Providers report about actions: some are run elsewhere, and for some the truth comes after the end. */
export class Reports1763900100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "security_action" ADD "reportedAfterwards" jsonb`);
    await runner.query(
      `ALTER TABLE "security_action_work" ADD "awaitingReport" boolean NOT NULL DEFAULT false`,
    );
    await runner.query(`ALTER TABLE "security_action_work" ADD "repeatable" boolean`);
    await runner.query(`DROP INDEX "security_action_work_claim"`);
    await runner.query(
      `CREATE INDEX "security_action_work_claim"
         ON "security_action_work" ("providerKey", "dueDateTime", "position")
         WHERE "ready" AND "leaseOwner" IS NULL AND NOT "awaitingReport"`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "security_action_work_claim"`);
    await runner.query(
      `CREATE INDEX "security_action_work_claim"
         ON "security_action_work" ("providerKey", "dueDateTime", "position")
         WHERE "ready" AND "leaseOwner" IS NULL`,
    );
    await runner.query(`ALTER TABLE "security_action_work" DROP COLUMN "repeatable"`);
    await runner.query(`ALTER TABLE "security_action_work" DROP COLUMN "awaitingReport"`);
    await runner.query(`ALTER TABLE "security_action" DROP COLUMN "reportedAfterwards"`);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is with a provider without a lease is found without reading what waits: a hold lists it, however long the queue. */
export class ReportsAwaited1764000300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX "security_action_work_report" ON "security_action_work" ("azureTenantId", "position")
        WHERE "awaitingReport"`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "security_action_work_report"`);
  }
}

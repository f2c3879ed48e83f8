import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What bounds the number of dead letters counts the open ones. */
export class OpenDeadLetters1765000150000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX "dead_letter_open" ON "dead_letter" ("createdDateTime", "id", "azureTenantId")
        WHERE "state" = 'open'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "dead_letter_open"`);
  }
}

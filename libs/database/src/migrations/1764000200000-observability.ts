import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For how long work has waited, without a look at the action; and the trace of an action, until long after its end. */
export class Observability1764000200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Workers of the release before write rows without it while an upgrade goes on: nearly right for theirs.
    await runner.query(
      `ALTER TABLE "security_action_work"
         ADD "acceptedDateTime" timestamptz(3) NOT NULL DEFAULT now()`,
    );
    await runner.query(
      `UPDATE "security_action_work" w SET "acceptedDateTime" = a."createdDateTime"
         FROM "security_action" a
        WHERE a."azureTenantId" = w."azureTenantId" AND a."id" = w."actionId"`,
    );
    await runner.query(`ALTER TABLE "security_action" ADD "traceparent" text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "security_action" DROP COLUMN "traceparent"`);
    await runner.query(`ALTER TABLE "security_action_work" DROP COLUMN "acceptedDateTime"`);
  }
}

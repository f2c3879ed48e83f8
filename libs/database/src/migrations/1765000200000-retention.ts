import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = [
  // Workers of the release before write rows without it while an upgrade goes on.
  `ALTER TABLE "idempotency_key" ADD "usedDateTime" timestamptz NOT NULL DEFAULT now()`,
  // What of an action there is elsewhere must be found by it. Its own table needs no index more: it is walked by position.
  `CREATE INDEX "idempotency_key_action" ON "idempotency_key" ("azureTenantId", "actionId")`,
  `CREATE INDEX "security_action_alias_action"
     ON "security_action_alias" ("azureTenantId", "actionId")`,
];

const DOWN = [
  `DROP INDEX "security_action_alias_action"`,
  `DROP INDEX "idempotency_key_action"`,
  `ALTER TABLE "idempotency_key" DROP COLUMN "usedDateTime"`,
];

/** Actions can be removed with all that belongs to them, and only once their keys are out of use. */
export class Retention1765000200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

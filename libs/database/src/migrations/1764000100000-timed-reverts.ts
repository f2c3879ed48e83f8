import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = [
  `ALTER TABLE "security_action"
     ADD "revertDateTime" timestamptz(3),
     ADD "revertAfter" text,
     ADD "revertsActionId" uuid,
     ADD "revertedByActionId" uuid`,
  // What stands on a target, newest last: asked for when a revert is due and when one is stored.
  `CREATE INDEX "security_action_target" ON "security_action" ("azureTenantId", "targetKey", "position")
     WHERE "targetKey" IS NOT NULL`,
  `ALTER TABLE "security_action_event" ADD "revert" jsonb`,
  // Short-lived rows of which some are rewritten often: vacuum early.
  `CREATE TABLE "security_action_revert" (
     "azureTenantId" text NOT NULL,
     "actionId" uuid NOT NULL,
     "providerKey" text NOT NULL,
     "lookDateTime" timestamptz(3) NOT NULL,
     "requestedDateTime" timestamptz(3),
     CONSTRAINT "security_action_revert_key" PRIMARY KEY ("azureTenantId", "actionId")
   ) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01,
           autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE INDEX "security_action_revert_look" ON "security_action_revert" ("providerKey", "lookDateTime")`,
];

const DOWN = [
  `DROP TABLE "security_action_revert"`,
  `ALTER TABLE "security_action_event" DROP COLUMN "revert"`,
  `DROP INDEX "security_action_target"`,
  `ALTER TABLE "security_action"
     DROP COLUMN "revertDateTime", DROP COLUMN "revertAfter",
     DROP COLUMN "revertsActionId", DROP COLUMN "revertedByActionId"`,
];

/** Actions that are undone by themselves after a time. */
export class TimedReverts1764000100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

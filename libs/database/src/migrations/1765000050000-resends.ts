import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "security_action_alias" (
     "azureTenantId" text NOT NULL,
     "aliasId" uuid NOT NULL,
     "actionId" uuid NOT NULL,
     "acceptedDateTime" timestamptz(3) NOT NULL,
     CONSTRAINT "security_action_alias_key" PRIMARY KEY ("azureTenantId", "aliasId")
   )`,
  `ALTER TABLE "security_action" ADD "isResend" boolean NOT NULL DEFAULT false`,
  // Few rows. Whether there is one of the last minutes is asked for each batch, by its key only if there is.
  `CREATE INDEX "security_action_resent" ON "security_action" ("createdDateTime") WHERE "isResend"`,
  // The key is of one tenant. Without the tenant's name the index is a third of the size, and writing to it costs less.
  `CREATE INDEX "security_action_resend" ON "security_action" ("resendKey") WHERE "isResend"`,
  // With a target, what a resend may be of is the newest on it, and there is an index for that.
  `CREATE INDEX "security_action_untargeted" ON "security_action" ("resendKey")
     WHERE "targetKey" IS NULL`,
];

const DOWN = [
  `DROP INDEX "security_action_untargeted"`,
  `DROP INDEX "security_action_resend"`,
  `DROP INDEX "security_action_resent"`,
  `ALTER TABLE "security_action" DROP COLUMN "isResend"`,
  `DROP TABLE "security_action_alias"`,
];

/** Creates that SDKs send again, and the ids that these were answered with. */
export class Resends1765000050000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = [
  // What is left to do: whom it waits for, what comes next, whether somebody wants it stopped.
  `ALTER TABLE "security_action_work"
     ADD "actionName" text,
     ADD "next" text NOT NULL DEFAULT 'call',
     ADD "probes" integer NOT NULL DEFAULT 0,
     ADD "unavailableSince" timestamptz,
     ADD "acceptedAttemptId" uuid,
     ADD "cancelRequestedDateTime" timestamptz`,
  `UPDATE "security_action_work" w SET "actionName" = a."actionName" FROM "security_action" a
    WHERE a."azureTenantId" = w."azureTenantId" AND a."id" = w."actionId"`,
  // Workers of the release before write rows without it while an upgrade goes on.
  `ALTER TABLE "security_action_work" ALTER "actionName" SET DEFAULT '',
     ALTER "actionName" SET NOT NULL`,
  `ALTER TABLE "security_action_work" ADD CONSTRAINT "security_action_work_next"
     CHECK ("next" IN ('call', 'probe'))`,
  // That of the release before was due at once and never claimed; now what is due is looked into.
  `UPDATE "security_action_work" SET "dueDateTime" = 'infinity' WHERE "awaitingReport"`,
  `DROP INDEX "security_action_work_claim"`,
  `CREATE INDEX "security_action_work_claim" ON "security_action_work"
     ("providerKey", "azureTenantId", "actionName", "dueDateTime", "position")
     WHERE "ready" AND "leaseOwner" IS NULL`,
  `CREATE INDEX "security_action_work_cancel" ON "security_action_work" ("cancelRequestedDateTime")
     WHERE "cancelRequestedDateTime" IS NOT NULL`,

  `CREATE TABLE "provider_slot" (
     "providerKey" text NOT NULL,
     "owner" text NOT NULL,
     "slots" integer NOT NULL,
     "circuitOpen" boolean NOT NULL,
     "leaseUntil" timestamptz NOT NULL,
     CONSTRAINT "provider_slot_key" PRIMARY KEY ("providerKey", "owner")
   )`,

  `CREATE TABLE "hold" (
     "id" uuid NOT NULL,
     "azureTenantId" text,
     "providerKey" text,
     "actionName" text,
     "reason" text,
     "createdDateTime" timestamptz(3) NOT NULL,
     "createdByTenantId" text NOT NULL,
     "createdByAppId" text NOT NULL,
     "createdByUser" text,
     "releasedDateTime" timestamptz(3),
     "releasedByTenantId" text,
     "releasedByAppId" text,
     "releasedByUser" text,
     CONSTRAINT "hold_key" PRIMARY KEY ("id")
   )`,
  `CREATE INDEX "hold_standing" ON "hold" ("createdDateTime") WHERE "releasedDateTime" IS NULL`,
  `CREATE TABLE "hold_guard" (
     "name" text NOT NULL,
     CONSTRAINT "hold_guard_key" PRIMARY KEY ("name")
   )`,
  `INSERT INTO "hold_guard" ("name") VALUES ('dispatch')`,
];

const DOWN = [
  `DROP TABLE "hold_guard"`,
  `DROP TABLE "hold"`,
  `DROP TABLE "provider_slot"`,
  `DROP INDEX "security_action_work_cancel"`,
  `DROP INDEX "security_action_work_claim"`,
  `CREATE INDEX "security_action_work_claim"
     ON "security_action_work" ("providerKey", "dueDateTime", "position")
     WHERE "ready" AND "leaseOwner" IS NULL AND NOT "awaitingReport"`,
  `ALTER TABLE "security_action_work" DROP CONSTRAINT "security_action_work_next"`,
  `ALTER TABLE "security_action_work"
     DROP COLUMN "actionName", DROP COLUMN "next", DROP COLUMN "probes",
     DROP COLUMN "unavailableSince", DROP COLUMN "acceptedAttemptId", DROP COLUMN "cancelRequestedDateTime"`,
];

/** Probes, cancels of what is under way, places at providers that all workers share, and holds. */
export class Engine1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "security_action" (
     "azureTenantId" text NOT NULL,
     "id" uuid NOT NULL,
     "position" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
     "version" integer NOT NULL,
     "status" text NOT NULL,
     "providerKey" text NOT NULL,
     "actionName" text NOT NULL,
     "targetKey" uuid,
     "name" text NOT NULL,
     "actionReason" text,
     "appId" text NOT NULL,
     "user" text,
     "clientContext" text,
     "clientRequestId" text,
     "resendKey" uuid NOT NULL,
     "parameters" jsonb NOT NULL,
     "vendorInformation" jsonb NOT NULL,
     "properties" jsonb NOT NULL,
     "errorInfo" jsonb,
     "createdDateTime" timestamptz(3) NOT NULL,
     "lastActionDateTime" timestamptz(3) NOT NULL,
     "completedDateTime" timestamptz(3),
     "deletedDateTime" timestamptz(3),
     CONSTRAINT "security_action_key" PRIMARY KEY ("azureTenantId", "id"),
     CONSTRAINT "security_action_status"
       CHECK ("status" IN ('NotStarted', 'Running', 'Completed', 'Failed')),
     CONSTRAINT "security_action_completed"
       CHECK (("status" IN ('Completed', 'Failed')) = ("completedDateTime" IS NOT NULL)),
     CONSTRAINT "security_action_error"
       CHECK (("status" = 'Failed') = ("errorInfo" IS NOT NULL))
   ) WITH (fillfactor = 80)`,
  `CREATE UNIQUE INDEX "security_action_position" ON "security_action" ("azureTenantId", "position")`,

  // Short-lived rows: vacuum early, or dead ones slow the claim down.
  `CREATE TABLE "security_action_work" (
     "azureTenantId" text NOT NULL,
     "actionId" uuid NOT NULL,
     "position" bigint NOT NULL,
     "providerKey" text NOT NULL,
     "targetKey" uuid,
     "ready" boolean NOT NULL,
     "dueDateTime" timestamptz NOT NULL,
     "attempt" integer NOT NULL DEFAULT 0,
     "attemptId" uuid,
     "leaseOwner" text,
     "leaseUntil" timestamptz,
     "sentDateTime" timestamptz,
     "mayHaveActed" boolean NOT NULL DEFAULT false,
     CONSTRAINT "security_action_work_key" PRIMARY KEY ("azureTenantId", "actionId")
   ) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01,
           autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE INDEX "security_action_work_claim"
     ON "security_action_work" ("providerKey", "dueDateTime", "position")
     WHERE "ready" AND "leaseOwner" IS NULL`,
  `CREATE INDEX "security_action_work_target"
     ON "security_action_work" ("azureTenantId", "targetKey", "position")
     WHERE "targetKey" IS NOT NULL`,
  `CREATE INDEX "security_action_work_lease"
     ON "security_action_work" ("leaseUntil") WHERE "leaseOwner" IS NOT NULL`,

  `CREATE TABLE "security_action_event" (
     "azureTenantId" text NOT NULL,
     "actionId" uuid NOT NULL,
     "sequence" integer NOT NULL,
     "type" text NOT NULL,
     "status" text NOT NULL,
     "changedStatus" boolean NOT NULL,
     "dateTime" timestamptz(3) NOT NULL,
     "attempt" integer,
     "attemptId" uuid,
     "appId" text,
     "user" text,
     "errorInfo" jsonb,
     CONSTRAINT "security_action_event_key" PRIMARY KEY ("azureTenantId", "actionId", "sequence")
   )`,

  `CREATE TABLE "outbox" (
     "position" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
     "azureTenantId" text NOT NULL,
     "actionId" uuid NOT NULL,
     "sequence" integer NOT NULL,
     CONSTRAINT "outbox_key" PRIMARY KEY ("position")
   ) WITH (autovacuum_vacuum_scale_factor = 0.01,
           autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,

  `CREATE TABLE "relay_lease" (
     "name" text NOT NULL,
     "owner" text NOT NULL,
     "epoch" bigint NOT NULL,
     "leaseUntil" timestamptz NOT NULL,
     CONSTRAINT "relay_lease_key" PRIMARY KEY ("name")
   )`,
];

const DOWN = [
  'relay_lease',
  'outbox',
  'security_action_event',
  'security_action_work',
  'security_action',
].map((table) => `DROP TABLE "${table}"`);

/** The tables of an action: the resource, what is left to do, what happened, what Kafka must hear. */
export class CreateTables1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

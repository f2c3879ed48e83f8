import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "dead_letter" (
     "azureTenantId" text NOT NULL,
     "id" uuid NOT NULL,
     "state" text NOT NULL,
     "createdDateTime" timestamptz(3) NOT NULL,
     "code" text NOT NULL,
     "message" text NOT NULL,
     "attempts" integer NOT NULL,
     "firstFailedDateTime" timestamptz(3) NOT NULL,
     "appId" text,
     "user" text,
     "originTopic" text NOT NULL,
     "originPartition" integer NOT NULL,
     "originOffset" bigint NOT NULL,
     "originTimestamp" double precision NOT NULL,
     "partition" integer NOT NULL,
     "offset" bigint NOT NULL,
     "valueBytes" integer,
     "headers" json,
     "key" bytea,
     "value" bytea,
     "decidedDateTime" timestamptz(3),
     "decidedByTenantId" text,
     "decidedByAppId" text,
     "decidedByUser" text,
     "reason" text,
     "actionId" uuid,
     CONSTRAINT "dead_letter_key" PRIMARY KEY ("azureTenantId", "id")
   )`,
  `CREATE INDEX "dead_letter_newest" ON "dead_letter" ("azureTenantId", "createdDateTime", "id")`,
  `CREATE INDEX "dead_letter_newest_of_all" ON "dead_letter" ("createdDateTime", "id")`,
  `CREATE INDEX "dead_letter_id" ON "dead_letter" ("id")`,
];

/** What of the dead letters can be looked up, sent again, and marked as dealt with. */
export class DeadLetters1765000100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "dead_letter"`);
  }
}

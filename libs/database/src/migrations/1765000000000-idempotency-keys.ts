import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which action a client's key stands for. */
export class IdempotencyKeys1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "idempotency_key" (
         "azureTenantId" text NOT NULL,
         "appId" text NOT NULL,
         "key" text NOT NULL,
         "actionId" uuid NOT NULL,
         CONSTRAINT "idempotency_key_key" PRIMARY KEY ("azureTenantId", "appId", "key")
       )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "idempotency_key"`);
  }
}

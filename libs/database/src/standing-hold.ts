/**
 * Whether the hold of alias `hold` covers `what`: an alias that has azureTenantId, providerKey and actionName. The one
 * place that says so, for claims, for what an action waits for, and for what a new hold finds in flight. Without case also of
 * the tenant: a hold that differs from its tenant's id in nothing else would stop nothing.
 */
export const covers = (hold: string, what: string) => `
  (${hold}."azureTenantId" IS NULL OR lower(${hold}."azureTenantId") = lower(${what}."azureTenantId"))
  AND (${hold}."providerKey" IS NULL OR ${hold}."providerKey" = ${what}."providerKey")
  AND (${hold}."actionName" IS NULL OR lower(${hold}."actionName") = lower(${what}."actionName"))`;

/** The standing holds that cover `what`. */
export const standingHold = (what: string) => `
  SELECT h."id" FROM "hold" h
   WHERE h."releasedDateTime" IS NULL AND ${covers('h', what)}`;

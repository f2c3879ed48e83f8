/** The standing holds that cover `what`: an alias that has azureTenantId, providerKey and actionName. */
export const standingHold = (what: string) => `
  SELECT h."id" FROM "hold" h
   WHERE h."releasedDateTime" IS NULL
     AND (h."azureTenantId" IS NULL OR h."azureTenantId" = ${what}."azureTenantId")
     AND (h."providerKey" IS NULL OR h."providerKey" = ${what}."providerKey")
     AND (h."actionName" IS NULL OR lower(h."actionName") = lower(${what}."actionName"))`;

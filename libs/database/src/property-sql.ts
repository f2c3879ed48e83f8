import type { ActionPath, Collection, ITEM_PROPERTIES } from '#domain/list-query';

/*
 * What the names in a filter or an order mean in SQL, for an action `a` and an item `i` of it: the only place where
 * such a name becomes an identifier. Every other name does not compile, and values are always parameters.
 */

export const ACTION_SQL: Record<ActionPath, string> = {
  id: 'a."id"::text',
  actionReason: 'a."actionReason"',
  appId: 'a."appId"',
  azureTenantId: 'a."azureTenantId"',
  clientContext: 'a."clientContext"',
  completedDateTime: 'a."completedDateTime"',
  createdDateTime: 'a."createdDateTime"',
  'errorInfo/code': `(a."errorInfo"->>'code')::integer`,
  'errorInfo/message': `(a."errorInfo"->>'message')`,
  'errorInfo/subcode': `(a."errorInfo"->>'subcode')::integer`,
  lastActionDateTime: 'a."lastActionDateTime"',
  name: 'a."name"',
  status: 'a."status"',
  user: 'a."user"',
  'vendorInformation/provider': `(a."vendorInformation"->>'provider')`,
  'vendorInformation/providerVersion': `(a."vendorInformation"->>'providerVersion')`,
  'vendorInformation/subProvider': `(a."vendorInformation"->>'subProvider')`,
  'vendorInformation/vendor': `(a."vendorInformation"->>'vendor')`,
};

interface CollectionSql {
  /** Where the items are, with a WHERE that more conditions can be added to. */
  from: string;
  properties: Record<string, string>;
}

export const COLLECTION_SQL: {
  [C in Collection]: CollectionSql & {
    properties: Record<keyof (typeof ITEM_PROPERTIES)[C], string>;
  };
} = {
  parameters: {
    from: 'jsonb_to_recordset(a."parameters") AS i("name" text, "value" text) WHERE true',
    properties: { name: 'i."name"', value: 'i."value"' },
  },
  states: {
    from: `"security_action_event" i
      WHERE i."azureTenantId" = a."azureTenantId" AND i."actionId" = a."id"
        AND i."changedStatus" AND i."sequence" <= a."version"`,
    properties: {
      appId: 'i."appId"',
      status: 'i."status"',
      updatedDateTime: 'i."dateTime"',
      user: 'i."user"',
    },
  },
};

/** What a value of each type is sent as. */
export const PARAMETER_TYPES = {
  text: 'text',
  id: 'text',
  status: 'text',
  dateTime: 'timestamptz',
  number: 'numeric',
} as const;

/** Texts sort by code point, everywhere and whatever the locale of the database. */
export const BY_CODE_POINT = 'COLLATE "C"';

/** Collects the values of a statement; what is added is named `$1`, `$2` … */
export class SqlValues {
  readonly values: unknown[] = [];

  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

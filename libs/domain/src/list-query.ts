/*
 * What a list may ask for, as a tree: the API makes it from OData text, the database compiles it to SQL. Whatever is
 * in the tree is known, well typed and bounded, so that neither side has to look again.
 */

/** `id` is text that compares without case; `status` is Graph's enum, and only equal or not. */
export type ValueType = 'text' | 'id' | 'status' | 'dateTime' | 'number';

interface Property {
  type: ValueType;
  nullable: boolean;
}

const text = { type: 'text', nullable: true } as const satisfies Property;

/** The properties of an action with one value, by their path: what $filter and $orderby know. */
export const ACTION_PROPERTIES = {
  id: { type: 'id', nullable: false },
  actionReason: text,
  appId: { type: 'text', nullable: false },
  azureTenantId: { type: 'text', nullable: false },
  clientContext: text,
  completedDateTime: { type: 'dateTime', nullable: true },
  createdDateTime: { type: 'dateTime', nullable: false },
  'errorInfo/code': { type: 'number', nullable: true },
  'errorInfo/message': text,
  'errorInfo/subcode': { type: 'number', nullable: true },
  lastActionDateTime: { type: 'dateTime', nullable: false },
  name: { type: 'text', nullable: false },
  status: { type: 'status', nullable: false },
  user: text,
  'vendorInformation/provider': text,
  'vendorInformation/providerVersion': text,
  'vendorInformation/subProvider': text,
  'vendorInformation/vendor': text,
} as const satisfies Record<string, Property>;

/** The properties of one item of a collection: what the condition of an `any` or `all` knows beside the action's. */
export const ITEM_PROPERTIES = {
  parameters: { name: { type: 'text', nullable: false }, value: text },
  states: {
    appId: text,
    status: { type: 'status', nullable: false },
    updatedDateTime: { type: 'dateTime', nullable: false },
    user: text,
  },
} as const satisfies Record<string, Record<string, Property>>;

/** Complex properties: as a whole they can only be null or not. */
export const COMPLEX_PROPERTIES = ['errorInfo', 'vendorInformation'] as const;

export const COMPARISONS = ['eq', 'ne', 'gt', 'ge', 'lt', 'le'] as const;
export const TEXT_TESTS = ['startswith', 'endswith', 'contains'] as const;
export const CASE_FUNCTIONS = ['tolower', 'toupper'] as const;

export type ActionPath = keyof typeof ACTION_PROPERTIES;
export type Collection = keyof typeof ITEM_PROPERTIES;
type ComplexPath = (typeof COMPLEX_PROPERTIES)[number];
export type Comparison = (typeof COMPARISONS)[number];
export type TextTest = (typeof TEXT_TESTS)[number];
type CaseFunction = (typeof CASE_FUNCTIONS)[number];

/** One value to compare: of the action, of the item in hand, or given. A date and time is ISO 8601, UTC, to the ms. */
export type Operand =
  | { kind: 'action'; path: ActionPath; type: ValueType; nullable: boolean }
  | { kind: 'item'; collection: Collection; name: string; type: ValueType; nullable: boolean }
  | { kind: 'literal'; type: ValueType; nullable: false; value: string }
  | { kind: 'null' }
  | { kind: 'case'; function: CaseFunction; of: Operand; type: 'text' | 'id'; nullable: boolean };

/**
 * A condition on an action: true, false or null (unknown), as OData 4.01 has it. Only `true` selects. A comparison is
 * never unknown: a missing value equals null only, differs from everything else, and is neither above nor below
 * anything. A text test of a missing text is unknown, and so is its `not`.
 */
export type Filter =
  | { kind: 'and' | 'or'; operands: Filter[] }
  | { kind: 'not'; operand: Filter }
  | { kind: 'compare'; operator: Comparison; left: Operand; right: Operand }
  | { kind: 'in'; operand: Operand; values: Operand[] }
  | { kind: 'textTest'; function: TextTest; text: Operand; part: Operand }
  | { kind: 'isNull'; path: ComplexPath; negated: boolean }
  | { kind: 'isTrue'; operator: 'eq' | 'ne'; operand: Filter; value: boolean }
  | { kind: 'any'; collection: Collection; condition: Filter | null }
  | { kind: 'all'; collection: Collection; condition: Filter };

/** One step of an order. Nulls come first ascending and last descending, as OData says. */
export interface OrderStep {
  path: ActionPath;
  descending: boolean;
}

/** The value of an order step in a row: what a page that goes on below that row is told. */
export type OrderValue = string | number | null;

/** The last row of a page. The next page begins after it, whatever has come or gone meanwhile. */
export interface PageEnd {
  /** One for each step of the order. */
  values: OrderValue[];
  /** Breaks ties, and is the whole order when none was asked for: newest first. */
  position: string;
}

/** Which actions, in which order, from where. */
export interface ListQuery {
  filter: Filter | null;
  order: OrderStep[];
  after: PageEnd | null;
  /** How many to leave out before the first. */
  skip: number;
  limit: number;
}

/** Limits of what a query may cost, each with its reason. */
export const QUERY_LIMITS = {
  /** Longer than any filter seen from a client, and far below what a request line can hold. */
  filterLengthMax: 2000,
  /** Brackets within brackets: parser and compiler recurse, and people cannot read more either. */
  filterDepthMax: 10,
  /** Conditions and values together: bounds the work for each row of the table. */
  filterNodesMax: 100,
  /** A longer list of ids is a job for $batch. */
  inValuesMax: 50,
  /** Each step makes the condition that finds the next page longer. */
  orderStepsMax: 5,
  /** Twice what a resource has; names are repeated in `@odata.context`. */
  selectNamesMax: 50,
  /** What Graph allows for its alerts. A skipped row is read all the same; a nextLink costs nothing. */
  skipMax: 500,
} as const;

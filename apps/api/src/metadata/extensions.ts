import { GRAPH, type Properties } from './edm-types.ts';
import { defaultNamespace, record } from './annotations.ts';
import { element } from './xml.ts';
import { boundOperation, complexType, propertiesAs, schemaOf } from './schema-elements.ts';

/** The namespace of what Graph never had. */
const OURS = 'securityActions';

const COMPLEX_TYPES: Record<string, Properties> = {
  dynamicProperty: { Name: 'Edm.String', Type: 'Edm.String', Description: 'Edm.String' },
  lateReport: {
    status: `${GRAPH}.operationStatus`,
    errorInfo: `${GRAPH}.resultInfo?`,
    appId: 'Edm.String?',
    user: 'Edm.String?',
    dateTime: 'Edm.DateTimeOffset',
  },
  historyEntry: {
    sequence: 'Edm.Int64',
    dateTime: 'Edm.DateTimeOffset',
    type: 'Edm.String',
    status: `${GRAPH}.operationStatus`,
    attempt: 'Edm.Int32?',
    attemptId: 'Edm.String?',
    appId: 'Edm.String?',
    user: 'Edm.String?',
    errorInfo: `${GRAPH}.resultInfo?`,
  },
  capabilities: { idempotent: 'Edm.Boolean', cancel: 'Edm.Boolean', probe: 'Edm.Boolean' },
  plan: {
    vendorInformation: `${GRAPH}.securityVendorInformation`,
    name: 'Edm.String',
    description: 'Edm.String',
    target: 'Edm.String?',
    revert: 'Edm.String?',
    revertDateTime: 'Edm.DateTimeOffset?',
    revertAfter: 'Edm.String?',
    capabilities: `${OURS}.capabilities`,
  },
  provider: {
    vendor: 'Edm.String',
    provider: 'Edm.String',
    aliases: 'Collection(Edm.String)',
    type: 'Edm.String',
    capabilities: `${OURS}.capabilities`,
    actions: `Collection(${OURS}.providerAction)`,
  },
  providerAction: {
    name: 'Edm.String',
    description: 'Edm.String',
    target: 'Edm.String?',
    revert: 'Edm.String?',
    parameters: `Collection(${OURS}.providerParameter)`,
  },
  providerParameter: {
    name: 'Edm.String',
    type: 'Edm.String',
    required: 'Edm.Boolean',
    description: 'Edm.String?',
    pattern: 'Edm.String?',
  },
  operator: { azureTenantId: 'Edm.String', appId: 'Edm.String', user: 'Edm.String?' },
  inFlightAction: {
    id: 'Edm.String',
    azureTenantId: 'Edm.String',
    status: `${GRAPH}.operationStatus`,
    vendor: 'Edm.String?',
    provider: 'Edm.String',
    name: 'Edm.String',
    attempt: 'Edm.Int32',
    leaseUntil: 'Edm.DateTimeOffset?',
    awaitingReport: 'Edm.Boolean',
  },
};

/** What a message held, of a dead letter that is read by its id. */
const CONTENTS: Record<string, Properties> = {
  bytes: { base64: 'Edm.String', text: 'Edm.String?' },
  messageHeader: { name: 'Edm.String', value: `${OURS}.bytes?` },
  messageContents: {
    key: `${OURS}.bytes?`,
    headers: `Collection(${OURS}.messageHeader)`,
    value: `${OURS}.bytes?`,
  },
  messageOrigin: {
    topic: 'Edm.String',
    partition: 'Edm.Int32',
    offset: 'Edm.String',
    dateTime: 'Edm.DateTimeOffset?',
  },
  messagePlace: { partition: 'Edm.Int32', offset: 'Edm.String' },
};

/** An entity: it is read, replayed and discarded by its id. */
const DEAD_LETTER: Properties = {
  state: 'Edm.String',
  azureTenantId: 'Edm.String?',
  appId: 'Edm.String?',
  user: 'Edm.String?',
  createdDateTime: 'Edm.DateTimeOffset',
  code: 'Edm.String',
  message: 'Edm.String',
  attempts: 'Edm.Int32',
  firstFailedDateTime: 'Edm.DateTimeOffset',
  origin: `${OURS}.messageOrigin`,
  kept: `${OURS}.messagePlace`,
  valueBytes: 'Edm.Int32?',
  decidedDateTime: 'Edm.DateTimeOffset?',
  decidedBy: `${OURS}.operator?`,
  reason: 'Edm.String?',
  actionId: 'Edm.String?',
  contents: `${OURS}.messageContents?`,
};

/** An entity: it is read, and released, by its id. */
const HOLD: Properties = {
  azureTenantId: 'Edm.String?',
  vendor: 'Edm.String?',
  provider: 'Edm.String?',
  name: 'Edm.String?',
  reason: 'Edm.String?',
  createdDateTime: 'Edm.DateTimeOffset',
  createdBy: `${OURS}.operator`,
  releasedDateTime: 'Edm.DateTimeOffset?',
  releasedBy: `${OURS}.operator?`,
  heldCount: 'Edm.Int32?',
  inFlightCount: 'Edm.Int32?',
  inFlight: `Collection(${OURS}.inFlightAction)`,
};

/** What an action may have beside its declared properties, as `securityAction` is an open type. */
const DYNAMIC_PROPERTIES = [
  {
    Name: 'waitingFor',
    Type: 'Edm.String',
    Description: 'What an unfinished action waits for: hold:<id>, provider, target:<action id> …',
  },
  {
    Name: 'reportedAfterwards',
    Type: `${OURS}.lateReport`,
    Description: 'What the provider said after the action had ended as outcome unknown.',
  },
  {
    Name: 'revertDateTime',
    Type: 'Edm.DateTimeOffset',
    Description: 'When it is undone by itself, or was.',
  },
  {
    Name: 'revertAfter',
    Type: 'Edm.String',
    Description: 'The same as an ISO 8601 duration from its end, which may have weeks.',
  },
  {
    Name: 'revertsActionId',
    Type: 'Edm.String',
    Description: 'The action that this one undoes.',
  },
  {
    Name: 'revertedByActionId',
    Type: 'Edm.String',
    Description: 'The action that undoes this one.',
  },
];

/** What a create takes; `validate` takes the same. */
const CREATE_PARAMETERS: Properties = {
  name: 'Edm.String',
  parameters: `Collection(${GRAPH}.keyValuePair)`,
  vendorInformation: `${GRAPH}.securityVendorInformation`,
  actionReason: 'Edm.String?',
  clientContext: 'Edm.String?',
  revertDateTime: 'Edm.DateTimeOffset?',
  revertAfter: 'Edm.String?',
};

/** The schema of our own namespace. */
export function extensionsSchema(): string {
  const action = `${GRAPH}.securityAction`;
  return schemaOf(OURS, [
    ...Object.entries({ ...COMPLEX_TYPES, ...CONTENTS }).map(([name, properties]) =>
      complexType(name, properties),
    ),
    boundOperation('Function', 'history', action, {
      returns: `Collection(${OURS}.historyEntry)`,
    }),
    boundOperation('Action', 'validate', `Collection(${action})`, {
      parameters: propertiesAs('Parameter', CREATE_PARAMETERS),
      returns: `${OURS}.plan`,
    }),
    boundOperation('Function', 'securityActionProviders', `${GRAPH}.security`, {
      returns: `Collection(${OURS}.provider)`,
    }),
    element(
      'EntityType',
      { Name: 'hold', BaseType: `${GRAPH}.entity` },
      propertiesAs('Property', HOLD),
    ),
    boundOperation('Action', 'release', `${OURS}.hold`, { returns: `${OURS}.hold` }),
    boundOperation('Function', 'securityActionHolds', `${GRAPH}.security`, {
      returns: `Collection(${OURS}.hold)`,
    }),
    element(
      'EntityType',
      { Name: 'deadLetter', BaseType: `${GRAPH}.entity` },
      propertiesAs('Property', DEAD_LETTER),
    ),
    ...['replay', 'discard'].map((name) =>
      boundOperation('Action', name, `${OURS}.deadLetter`, {
        parameters: propertiesAs('Parameter', { reason: 'Edm.String?' }),
        returns: `${OURS}.deadLetter`,
      }),
    ),
    boundOperation('Function', 'securityActionDeadLetters', `${GRAPH}.security`, {
      returns: `Collection(${OURS}.deadLetter)`,
    }),
    element('Term', {
      Name: 'DynamicProperties',
      Type: `Collection(${OURS}.dynamicProperty)`,
      AppliesTo: 'EntityType',
    }),
    defaultNamespace(),
  ]);
}

/** Which dynamic properties of an action have a meaning. */
export function dynamicProperties(): string {
  return element('Annotation', { Term: `${OURS}.DynamicProperties` }, [
    element('Collection', {}, DYNAMIC_PROPERTIES.map(record)),
  ]);
}

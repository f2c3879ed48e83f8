import { securityActionSchema } from '#domain/security-action';
import { STATUSES } from '#domain/status';
import {
  collectionCapabilities,
  defaultNamespace,
  serviceCapabilities,
  VOCABULARIES,
} from './annotations.ts';
import { COMPLEX_TYPES, GRAPH, propertiesOf } from './edm-types.ts';
import { dynamicProperties, extensionsSchema } from './extensions.ts';
import { boundOperation, complexType, propertiesAs, schemaOf } from './schema-elements.ts';
import { element } from './xml.ts';

/**
 * The metadata document (CSDL 4.0, XML): Graph's types and operations in Graph's namespace as far as there is
 * anything behind them, and ours in one of our own.
 */
export function metadataDocument(): string {
  const namespaces = {
    Version: '4.0',
    'xmlns:edmx': 'http://docs.oasis-open.org/odata/ns/edmx',
  };
  return `<?xml version="1.0" encoding="utf-8"?>\n${element('edmx:Edmx', namespaces, [
    ...VOCABULARIES.map(reference),
    element('edmx:DataServices', {}, [graphSchema(), extensionsSchema()]),
  ])}`;
}

function graphSchema(): string {
  const { id, ...properties } = propertiesOf(securityActionSchema);
  return schemaOf(GRAPH, [
    element(
      'EnumType',
      { Name: 'operationStatus' },
      STATUSES.map((Name, value) => element('Member', { Name, Value: String(value) })),
    ),
    ...Object.entries(COMPLEX_TYPES).map(([name, schema]) =>
      complexType(name, propertiesOf(schema)),
    ),
    element('EntityType', { Name: 'entity', Abstract: true }, [
      element('Key', {}, [element('PropertyRef', { Name: 'id' })]),
      ...propertiesAs('Property', { id: id! }),
    ]),
    element('EntityType', { Name: 'securityAction', BaseType: `${GRAPH}.entity`, OpenType: true }, [
      ...propertiesAs('Property', properties),
      dynamicProperties(),
    ]),
    element('EntityType', { Name: 'security', BaseType: `${GRAPH}.entity` }, [
      element(
        'NavigationProperty',
        {
          Name: 'securityActions',
          Type: `Collection(${GRAPH}.securityAction)`,
          ContainsTarget: true,
        },
        collectionCapabilities(),
      ),
    ]),
    boundOperation('Action', 'cancelSecurityAction', `${GRAPH}.securityAction`),
    element('EntityContainer', { Name: 'GraphService' }, [
      element('Singleton', { Name: 'security', Type: `${GRAPH}.security` }),
      ...serviceCapabilities(),
    ]),
    defaultNamespace(),
  ]);
}

function reference(namespace: string): string {
  const Uri = `https://oasis-tcs.github.io/odata-vocabularies/vocabularies/${namespace}.xml`;
  return element('edmx:Reference', { Uri }, [element('edmx:Include', { Namespace: namespace })]);
}

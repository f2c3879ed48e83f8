import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { DECLARED_PROPERTIES } from '#domain/security-action';
import { startFixture } from '../http/application.fixture.ts';
import { metadataDocument } from './csdl.ts';
import { MetadataController } from './metadata.controller.ts';

/** An element: its name, its attributes, and the elements in it. */
interface Node {
  name: string;
  attributes: Record<string, string>;
  children: Node[];
}

type Parsed = Record<string, Parsed[]> & { ':@'?: Record<string, string> };

const text = metadataDocument();
const schemas = all(parse(text), 'Schema');

function parse(xml: string): Node {
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseAttributeValue: false,
  });
  return nodesOf(parser.parse(xml) as Parsed[]).find(({ name }) => name === 'edmx:Edmx')!;
}

function nodesOf(parsed: Parsed[]): Node[] {
  return parsed.flatMap(({ ':@': attributes = {}, ...element }) =>
    Object.entries(element)
      .filter(([name]) => name !== '#text')
      .map(([name, children]) => ({ name, attributes, children: nodesOf(children) })),
  );
}

function all(node: Node, name: string): Node[] {
  return [
    ...(node.name === name ? [node] : []),
    ...node.children.flatMap((child) => all(child, name)),
  ];
}

function named(kind: string, name: string): Node {
  return schemas
    .flatMap((schema) => all(schema, kind))
    .find((node) => node.attributes['Name'] === name)!;
}

const childrenOf = (node: Node, kind: string) =>
  node.children.filter(({ name }) => name === kind).map(({ attributes }) => attributes);
const namesIn = (node: Node) => node.children.flatMap(({ attributes }) => attributes['Name'] ?? []);
const withoutCollection = (type: string) => type.replace(/^Collection\((.*)\)$/, '$1');

describe('the metadata document', () => {
  it('is well-formed XML 1.0 in UTF-8, of the namespaces of OData 4.0', () => {
    expect(XMLValidator.validate(text)).toBe(true);
    expect(text).toMatch(/^<\?xml version="1\.0" encoding="utf-8"\?>/);
    expect(parse(text).attributes).toEqual({
      Version: '4.0',
      'xmlns:edmx': 'http://docs.oasis-open.org/odata/ns/edmx',
    });
    expect(schemas.map(({ attributes }) => attributes)).toEqual([
      { xmlns: 'http://docs.oasis-open.org/odata/ns/edm', Namespace: 'microsoft.graph' },
      { xmlns: 'http://docs.oasis-open.org/odata/ns/edm', Namespace: 'securityActions' },
    ]);
  });

  it('has only elements and attributes that CSDL has', () => {
    const allowed: Record<string, string[]> = {
      Schema: ['xmlns', 'Namespace'],
      EnumType: ['Name'],
      Member: ['Name', 'Value'],
      ComplexType: ['Name'],
      EntityType: ['Name', 'BaseType', 'Abstract', 'OpenType'],
      Key: [],
      PropertyRef: ['Name'],
      Property: ['Name', 'Type', 'Nullable'],
      NavigationProperty: ['Name', 'Type', 'ContainsTarget'],
      Action: ['Name', 'IsBound'],
      Function: ['Name', 'IsBound'],
      Parameter: ['Name', 'Type', 'Nullable'],
      ReturnType: ['Type', 'Nullable'],
      EntityContainer: ['Name'],
      Singleton: ['Name', 'Type'],
      Term: ['Name', 'Type', 'AppliesTo'],
      Annotation: ['Term', 'Bool'],
      Collection: [],
      Record: [],
      PropertyValue: ['Property', 'Bool', 'String'],
      String: [],
    };
    const unknown = schemas
      .flatMap(flat)
      .filter(
        ({ name, attributes }) =>
          !Object.keys(attributes).every((attribute) => allowed[name]?.includes(attribute)),
      );
    expect(unknown).toEqual([]);
  });

  it('names every type it uses, and no name twice', () => {
    const declared = schemas.flatMap((schema) => {
      const names = namesIn(schema).map((name) => `${schema.attributes['Namespace']}.${name}`);
      return names;
    });
    expect(declared).toEqual([...new Set(declared)]);
    const used = schemas
      .flatMap(flat)
      .flatMap(({ attributes: { Type, BaseType } }) => [Type ?? [], BaseType ?? []].flat())
      .map(withoutCollection);
    const known = [
      ...declared,
      ...['String', 'Boolean', 'Int32', 'Int64', 'DateTimeOffset'].map((name) => `Edm.${name}`),
    ];
    expect(used.filter((type) => !known.includes(type))).toEqual([]);
    for (const node of schemas.flatMap(flat)) {
      expect(namesIn(node)).toEqual([...new Set(namesIn(node))]);
    }
  });

  it('uses only terms that it declares or that the vocabularies it refers to have', () => {
    const included = all(parse(text), 'edmx:Include').map(
      ({ attributes }) => attributes['Namespace'],
    );
    const terms = schemas
      .flatMap((schema) => all(schema, 'Annotation'))
      .map(({ attributes }) => attributes['Term']!);
    const namespaces = new Set(terms.map((term) => term.slice(0, term.lastIndexOf('.'))));
    expect(namespaces).toEqual(new Set([...included, 'securityActions']));
  });

  it("has Graph's securityAction: open, with its 15 properties and the id from entity", () => {
    const type = named('EntityType', 'securityAction');
    expect(type.attributes).toMatchObject({ BaseType: 'microsoft.graph.entity', OpenType: 'true' });
    expect(new Set(['id', ...childrenOf(type, 'Property').map(({ Name }) => Name)])).toEqual(
      new Set(DECLARED_PROPERTIES),
    );
    expect(childrenOf(type, 'Property')).toEqual(
      expect.arrayContaining([
        { Name: 'actionReason', Type: 'Edm.String' },
        { Name: 'completedDateTime', Type: 'Edm.DateTimeOffset' },
        { Name: 'errorInfo', Type: 'microsoft.graph.resultInfo' },
        { Name: 'status', Type: 'microsoft.graph.operationStatus', Nullable: 'false' },
        {
          Name: 'parameters',
          Type: 'Collection(microsoft.graph.keyValuePair)',
          Nullable: 'false',
        },
      ]),
    );
    expect(childrenOf(named('ComplexType', 'resultInfo'), 'Property')).toEqual([
      { Name: 'code', Type: 'Edm.Int32', Nullable: 'false' },
      { Name: 'message', Type: 'Edm.String' },
      { Name: 'subcode', Type: 'Edm.Int32', Nullable: 'false' },
    ]);
  });

  it("has Graph's operationStatus, without a fifth member", () => {
    expect(childrenOf(named('EnumType', 'operationStatus'), 'Member')).toEqual([
      { Name: 'NotStarted', Value: '0' },
      { Name: 'Running', Value: '1' },
      { Name: 'Completed', Value: '2' },
      { Name: 'Failed', Value: '3' },
    ]);
  });

  it('has the collection where Graph has it, with what can be done to it', () => {
    const collection = named('NavigationProperty', 'securityActions');
    expect(collection.attributes['ContainsTarget']).toBe('true');
    const capabilities = Object.fromEntries(
      collection.children.map(({ attributes, children }) => [
        attributes['Term']!.split('.').at(-1),
        attributes['Bool'] ?? children[0]?.children[0]?.attributes['Bool'],
      ]),
    );
    expect(capabilities).toMatchObject({
      FilterRestrictions: 'true',
      SortRestrictions: 'true',
      SelectSupport: 'true',
      CountRestrictions: 'true',
      TopSupported: 'true',
      SkipSupported: 'true',
      ExpandRestrictions: 'false',
      SearchRestrictions: 'false',
    });
    expect(childrenOf(named('EntityContainer', 'GraphService'), 'Singleton')).toEqual([
      { Name: 'security', Type: 'microsoft.graph.security' },
    ]);
  });

  it('binds every operation, and each function returns something', () => {
    const operations = schemas.flatMap((schema) => [
      ...all(schema, 'Action'),
      ...all(schema, 'Function'),
    ]);
    expect(operations.map(({ attributes }) => attributes['Name'])).toEqual([
      'cancelSecurityAction',
      'validate',
      'release',
      'replay',
      'discard',
      'history',
      'securityActionProviders',
      'securityActionHolds',
      'securityActionDeadLetters',
    ]);
    for (const operation of operations) {
      expect(operation.attributes['IsBound']).toBe('true');
      expect(operation.children[0]?.attributes['Name']).toBe('bindingParameter');
      const returns = childrenOf(operation, 'ReturnType').length;
      expect(returns).toBe(operation.attributes['Name'] === 'cancelSecurityAction' ? 0 : 1);
    }
  });

  it('tells of the dynamic properties that have a meaning', () => {
    const type = named('EntityType', 'securityAction');
    const names = all(type, 'PropertyValue')
      .map(({ attributes }) => attributes)
      .filter(({ Property }) => Property === 'Name')
      .map((value) => value['String']);
    expect(names).toEqual([
      'waitingFor',
      'reportedAfterwards',
      'revertDateTime',
      'revertAfter',
      'revertsActionId',
      'revertedByActionId',
    ]);
  });

  it('is served under every base, without a token', async () => {
    const { app } = await startFixture({
      env: { LOG_LEVEL: 'silent' },
      controllers: [MetadataController],
    });
    for (const base of ['', '/beta', '/v1.0']) {
      const answer = await app.inject({ url: `${base}/$metadata` });
      expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
        200,
        'application/xml; charset=utf-8',
        text,
      ]);
    }
    await app.close();
  });
});

function flat(node: Node): Node[] {
  return [node, ...node.children.flatMap(flat)];
}

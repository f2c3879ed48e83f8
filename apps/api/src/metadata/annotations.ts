import { CASE_FUNCTIONS, TEXT_TESTS } from '#domain/list-query';
import { element } from './xml.ts';

/** The vocabularies of OASIS that the annotations are words of. */
export const VOCABULARIES = ['Org.OData.Core.V1', 'Org.OData.Capabilities.V1'];

const CAPABILITIES = 'Org.OData.Capabilities.V1';

/** What can be done with the collection of actions: annotated by Graph, and true here. */
export function collectionCapabilities(): string[] {
  return [
    restriction('FilterRestrictions', 'Filterable', true),
    restriction('SortRestrictions', 'Sortable', true),
    restriction('SelectSupport', 'Supported', true),
    restriction('CountRestrictions', 'Countable', true),
    restriction('ExpandRestrictions', 'Expandable', false),
    restriction('SearchRestrictions', 'Searchable', false),
    restriction('InsertRestrictions', 'Insertable', true),
    restriction('UpdateRestrictions', 'Updatable', true),
    restriction('DeleteRestrictions', 'Deletable', true),
    tag('TopSupported'),
    tag('SkipSupported'),
  ];
}

/** What holds for the service as a whole. */
export function serviceCapabilities(): string[] {
  const functions = [...TEXT_TESTS, ...CASE_FUNCTIONS].map((name) => text(name));
  return [
    restriction('BatchSupport', 'Supported', true),
    tag('KeyAsSegmentSupported'),
    annotation('FilterFunctions', [element('Collection', {}, functions)]),
  ];
}

/** Functions and actions of the namespace may be called without its name. */
export function defaultNamespace(): string {
  return element('Annotation', { Term: 'Org.OData.Core.V1.DefaultNamespace', Bool: true });
}

/** A record as the value of an annotation. */
export function record(values: Record<string, string>): string {
  return element(
    'Record',
    {},
    Object.entries(values).map(([Property, value]) =>
      element('PropertyValue', { Property, String: value }),
    ),
  );
}

function restriction(term: string, property: string, value: boolean): string {
  const values = [element('PropertyValue', { Property: property, Bool: value })];
  return annotation(term, [element('Record', {}, values)]);
}

function tag(term: string): string {
  return element('Annotation', { Term: `${CAPABILITIES}.${term}`, Bool: true });
}

function annotation(term: string, children: string[]): string {
  return element('Annotation', { Term: `${CAPABILITIES}.${term}` }, children);
}

function text(value: string): string {
  return `<String>${value}</String>`;
}

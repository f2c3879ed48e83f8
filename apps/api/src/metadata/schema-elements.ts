import type { Properties } from './edm-types.ts';
import { element } from './xml.ts';

/** A namespace and what is in it. */
export function schemaOf(Namespace: string, children: string[]): string {
  return element(
    'Schema',
    { xmlns: 'http://docs.oasis-open.org/odata/ns/edm', Namespace },
    children,
  );
}

/** Properties of a type, or parameters of an operation: both are written alike. */
export function propertiesAs(kind: 'Property' | 'Parameter', properties: Properties): string[] {
  return Object.entries(properties).map(([Name, type]) => {
    const Type = type.replace('?', '');
    return element(kind, { Name, Type, ...(Type === type && { Nullable: false }) });
  });
}

export function complexType(Name: string, properties: Properties): string {
  return element('ComplexType', { Name }, propertiesAs('Property', properties));
}

/** An operation on a value of the `bound` type, called by its name behind the address of the value. */
export function boundOperation(
  kind: 'Action' | 'Function',
  Name: string,
  bound: string,
  { parameters = [], returns }: { parameters?: string[]; returns?: string } = {},
): string {
  return element(kind, { Name, IsBound: true }, [
    element('Parameter', { Name: 'bindingParameter', Type: bound, Nullable: false }),
    ...parameters,
    ...(returns === undefined ? [] : [element('ReturnType', { Type: returns, Nullable: false })]),
  ]);
}

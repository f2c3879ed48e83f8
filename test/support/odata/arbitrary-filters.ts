import fc from 'fast-check';
import { ACTION_PATHS, COMMON_TEXTS, IDS, INSTANTS, STATUS_NAMES } from './arbitrary-actions.ts';
import { type Condition, type Kind, type Term, VARIABLE } from './filter-model.ts';

/*
 * Filters of every form that is supported. Their literals come from the few values that the actions have too, or
 * hardly any filter would select anything.
 */

type Literal = Term & { is: 'literal' };

const ITEM_PATHS: Record<'parameters' | 'states', [string, Kind][]> = {
  parameters: [
    ['name', 'text'],
    ['value', 'text'],
  ],
  states: [
    ['appId', 'text'],
    ['status', 'status'],
    ['updatedDateTime', 'dateTime'],
    ['user', 'text'],
  ],
};

const literal = (kind: Kind, spelled: string, value: Literal['value']): Literal => ({
  is: 'literal',
  kind,
  spelled,
  value,
});
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
const random = <T>(values: readonly T[]) => fc.constantFrom(...values);

const textLiteral = fc
  .oneof({ weight: 4, arbitrary: random(COMMON_TEXTS) }, fc.string({ maxLength: 3 }))
  .map((text) => literal('text', quoted(text), text));

const idLiteral = fc
  .tuple(random(IDS), fc.boolean(), fc.boolean())
  .map(([id, upper, bare]) => (upper ? [id.toUpperCase(), bare] : [id, bare]) as [string, boolean])
  .map(([id, bare]) => literal('text', bare ? id : quoted(id), id));

const statusLiteral = fc
  .tuple(random(STATUS_NAMES), random(['as it is', 'lower', 'enum']))
  .map(([status, form]) => {
    if (form === 'enum') {
      return literal('status', `microsoft.graph.operationStatus'${status}'`, status);
    }
    return literal('status', quoted(form === 'lower' ? status.toLowerCase() : status), status);
  });

const numberLiteral = random([-1, 0, 1, 3, 404, 1.5]).map((number) =>
  literal('number', String(number), number),
);

/** The same instant in many spellings; digits beyond the millisecond count for nothing. */
const dateLiteral = fc
  .tuple(random(INSTANTS), fc.integer({ min: -14 * 60, max: 14 * 60 }), random(['', '0', '9999']))
  .map(([instant, offset, digits]) => {
    const local = new Date(instant + offset * 60_000).toISOString().slice(0, -1);
    const sign = offset < 0 ? '-' : '+';
    const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
    const zone = `${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
    const rawPlus = digits === '9999' ? zone.replace('+', ' ') : zone;
    return literal('dateTime', `${local}${digits}${offset === 0 ? 'Z' : rawPlus}`, instant);
  });

const LITERALS: Record<Kind, fc.Arbitrary<Literal>> = {
  text: textLiteral,
  id: fc.oneof({ weight: 3, arbitrary: idLiteral }, textLiteral),
  status: statusLiteral,
  dateTime: dateLiteral,
  number: numberLiteral,
};
const nullLiteral = (kind: Kind) => fc.constant(literal(kind, 'null', null));

/** Paths in reach: those of the action, and within an any or all those of the item. */
function paths(collection: 'parameters' | 'states' | null): [string, Kind][] {
  const ofItem = collection === null ? [] : ITEM_PATHS[collection];
  const items = ofItem.map(([name, kind]): [string, Kind] => [`${VARIABLE}/${name}`, kind]);
  // Twice, so that conditions on items are mostly about them.
  return collection === null ? ACTION_PATHS : [...items, ...items, ...items, ...ACTION_PATHS];
}

function leaf(collection: 'parameters' | 'states' | null): fc.Arbitrary<Condition> {
  const path = random(paths(collection)).map(([name, kind]): Term => ({
    is: 'path',
    kind,
    path: name,
  }));
  const isText = ({ kind }: Term) => kind === 'text' || kind === 'id';
  const text: fc.Arbitrary<Term> = fc
    .tuple(path.filter(isText), random(['', 'tolower', 'toupper'] as const))
    .map(([of, name]) => (name === '' ? of : { is: 'call', kind: of.kind, name, of }));
  const term = fc.oneof(path, text);
  const like = ({ kind }: Term): fc.Arbitrary<Term> =>
    fc.oneof(
      { weight: 5, arbitrary: LITERALS[kind] },
      nullLiteral(kind),
      path.filter(
        (other) => other.kind === kind || (isText(other) && ['text', 'id'].includes(kind)),
      ),
    );
  const compare = term.chain((left) => {
    const operators = left.kind === 'status' ? ['eq', 'ne'] : ['eq', 'ne', 'gt', 'ge', 'lt', 'le'];
    return fc
      .tuple(random(operators), like(left), fc.boolean())
      .map(([operator, right, swapped]) => ({
        is: 'compare',
        operator,
        left: swapped ? right : left,
        right: swapped ? left : right,
      })) as fc.Arbitrary<Condition>;
  });
  const inList = term.chain((of) =>
    fc
      .array(fc.oneof({ weight: 5, arbitrary: LITERALS[of.kind] }, nullLiteral(of.kind)), {
        minLength: 1,
        maxLength: 4,
      })
      .map((list): Condition => ({ is: 'in', term: of, list })),
  );
  const test = fc
    .tuple(
      random(['startswith', 'endswith', 'contains'] as const),
      text,
      fc.oneof(textLiteral, text),
    )
    .map(([name, of, part]) => ({ is: 'test' as const, name, text: of, part }));
  const eqTrue = fc
    .tuple(random(['eq', 'ne'] as const), test, fc.boolean())
    .map(([operator, of, value]): Condition => ({ is: 'eqTrue', operator, of, value }));
  const nullComplex = fc
    .tuple(random(['errorInfo', 'vendorInformation'] as const), random(['eq', 'ne'] as const))
    .map(([of, operator]): Condition => ({ is: 'nullComplex', path: of, operator }));
  return fc.oneof(
    { weight: 5, arbitrary: compare },
    { weight: 2, arbitrary: inList },
    { weight: 3, arbitrary: test },
    eqTrue,
    nullComplex,
  );
}

function combined(of: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> {
  return fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: of },
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            random(['and', 'or'] as const),
            fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
          )
          .map(([is, parts]): Condition => ({ is, parts })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('condition'), fc.boolean())
          .map(([inner, brackets]): Condition => ({ is: 'not', of: inner, brackets })),
      },
      {
        weight: 1,
        arbitrary: tie('condition').map((inner): Condition => ({ is: 'brackets', of: inner })),
      },
    ),
  })).condition;
}

const lambda: fc.Arbitrary<Condition> = random(['parameters', 'states'] as const).chain(
  (collection) =>
    fc.oneof(
      fc
        .tuple(random(['any', 'all'] as const), combined(leaf(collection)))
        .map(([is, of]): Condition => ({ is, collection, of })),
      fc.constant<Condition>({ is: 'any', collection, of: null }),
    ),
);

/** Any filter that is supported; a big one may be beyond the limits. */
export const arbitraryFilter = combined(
  fc.oneof({ weight: 4, arbitrary: leaf(null) }, { weight: 1, arbitrary: lambda }),
);

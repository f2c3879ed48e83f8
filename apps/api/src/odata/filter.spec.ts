import { describe, expect, it } from 'vitest';
import { ApiError } from '#domain/errors';
import type { Filter } from '#domain/list-query';
import { parseFilter } from './filter.ts';

/** A filter in one line with every bracket: what the tree says, for people. */
function spelled(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.operands.map(spelled).join(` ${filter.kind} `)})`;
    case 'not':
      return `not ${spelled(filter.operand)}`;
    case 'compare':
      return [filter.left, filter.right].map(operand).join(` ${filter.operator} `);
    case 'in':
      return `${operand(filter.operand)} in [${filter.values.map(operand).join()}]`;
    case 'textTest':
      return `${filter.function}(${operand(filter.text)},${operand(filter.part)})`;
    case 'isNull':
      return `${filter.path} ${filter.negated ? 'ne' : 'eq'} null`;
    case 'isTrue':
      return `${spelled(filter.operand)} ${filter.operator} ${filter.value}`;
    default:
      return `${filter.kind}[${filter.collection}${filter.condition ? `: ${spelled(filter.condition)}` : ''}]`;
  }
}

type Operand = Parameters<typeof operandText>[0];
const operand = (of: Operand) => operandText(of);
function operandText(of: (Filter & { kind: 'compare' })['left']): string {
  if (of.kind === 'null') return 'null';
  if (of.kind === 'action') return of.path;
  if (of.kind === 'item') return `.${of.name}`;
  if (of.kind === 'case') return `${of.function}(${operandText(of.of)})`;
  return of.type === 'number' ? of.value : `${of.type}'${of.value}'`;
}

const read = (text: string) => spelled(parseFilter(text));

/** What a client is told about a filter that is refused. */
function refusal(text: string): string {
  const error = thrownBy(() => parseFilter(text));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: 'invalidRequest', target: '$filter' });
  return (error as ApiError).message;
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('parseFilter', () => {
  it.each([
    [
      "name eq 'a' or name eq 'b' and user eq 'c'",
      "(name eq text'a' or (name eq text'b' and user eq text'c'))",
    ],
    [
      "name eq 'a' and name eq 'b' or user eq 'c'",
      "((name eq text'a' and name eq text'b') or user eq text'c')",
    ],
    [
      "(name eq 'a' or name eq 'b') and user eq 'c'",
      "((name eq text'a' or name eq text'b') and user eq text'c')",
    ],
    ["not (name eq 'a') and user eq 'c'", "(not name eq text'a' and user eq text'c')"],
    ["not contains(name,'a') or user eq 'c'", "(not contains(name,text'a') or user eq text'c')"],
    ["not not startswith(name,'a')", "not not startswith(name,text'a')"],
    [
      "name eq 'a' or (user eq 'b' or user eq 'c' and name eq 'd') and name ne 'e'",
      "(name eq text'a' or ((user eq text'b' or (user eq text'c' and name eq text'd')) and name ne text'e'))",
    ],
  ])('binds not closer than and, and closer than or: %s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    ["name eq 'it''s'", "name eq text'it's'"],
    ["name eq 'or' or name eq 'a and b (c'", "(name eq text'or' or name eq text'a and b (c')"],
    ["name eq '2019-01-10T12:23:23Z'", "name eq text'2019-01-10T12:23:23Z'"],
    ["name eq '100%' or name eq '%27'", "(name eq text'100%' or name eq text'%27')"],
    ["name eq ''", "name eq text''"],
    ['clientContext ne null', 'clientContext ne null'],
    ['null eq clientContext', 'null eq clientContext'],
    ['errorInfo ne null', 'errorInfo ne null'],
    ['errorInfo/code ge -3', 'errorInfo/code ge -3'],
    ['errorInfo/code eq 1.50', 'errorInfo/code eq 1.50'],
    ["status eq 'notstarted'", "status eq status'NotStarted'"],
    ["status ne microsoft.graph.operationStatus'Failed'", "status ne status'Failed'"],
    ["status in ('failed', 'COMPLETED')", "status in [status'Failed',status'Completed']"],
    ["user in ('a',null)", "user in [text'a',null]"],
    ["vendorInformation/provider eq 'P'", "vendorInformation/provider eq text'P'"],
    ["tolower(name) eq 'a'", "tolower(name) eq text'a'"],
    ["contains(tolower(name), toupper('a'))", "contains(tolower(name),toupper(text'a'))"],
    ["contains(name,'a') eq true", "contains(name,text'a') eq true"],
    ["false ne contains(name,'a')", "contains(name,text'a') ne false"],
    ['createdDateTime lt lastActionDateTime', 'createdDateTime lt lastActionDateTime'],
    ["NAME EQ 'a'".replace('NAME', 'name'), "name eq text'a'"],
    [
      'appId eq 01937f3e-0000-7000-8000-00000000000A',
      "appId eq text'01937f3e-0000-7000-8000-00000000000A'",
    ],
    [
      'id eq 01937f3e-0000-7000-8000-00000000000A',
      "id eq id'01937f3e-0000-7000-8000-00000000000A'",
    ],
    ['parameters/any()', 'any[parameters]'],
    [
      "parameters/any(p:p/name eq 'IP' and p/value eq '1')",
      "any[parameters: (.name eq text'IP' and .value eq text'1')]",
    ],
    [
      "parameters/any(p : p/name eq 'a' or p/name eq 'b' and p/value eq 'c')",
      "any[parameters: (.name eq text'a' or (.name eq text'b' and .value eq text'c'))]",
    ],
    ["states/all(null1:null1/status ne 'Failed')", "all[states: .status ne status'Failed']"],
    ['states/any(s:s/user eq user)', 'any[states: .user eq user]'],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    ['2019-01-10T12:23:23+00:00', '2019-01-10T12:23:23.000Z'],
    ['2019-01-10T12:23:23 02:00', '2019-01-10T10:23:23.000Z'],
    ['2019-01-10T12:23-05:30', '2019-01-10T17:53:00.000Z'],
    ['2019-01-10T12:23:23.1239999z', '2019-01-10T12:23:23.123Z'],
    ['2019-01-10', '2019-01-10T00:00:00.000Z'],
  ])('takes the date and time %s for the instant it is', (text, instant) => {
    expect(read(`createdDateTime ge ${text}`)).toBe(`createdDateTime ge dateTime'${instant}'`);
    const after = `createdDateTime ge ${text} and createdDateTime ne null`;
    expect(read(after)).toContain(`dateTime'${instant}' and`);
  });

  it.each([
    ['', /is empty/],
    ['bogus eq 1', /unknown property 'bogus'; known: id, actionReason, /],
    ["nullable eq 'x'", /unknown property 'nullable'/],
    ["name/x eq 'x'", /unknown property 'name\/x'/],
    ["parameters/any(p:p/nmae eq 'x')", /unknown property 'p\/nmae'; known: p\/name, p\/value/],
    ["parameters/any(p:x/name eq 'x')", /unknown property 'x\/name'/],
    ["substringof('x',name)", /unknown function 'substringof'; known: startswith, /],
    ["name eq trim('x')", /unknown function 'trim'/],
    ["name like 'x'", /cannot be read from character 6 on: 'like/],
    ["name eq 'x", /a quote never closed/],
    ["name eq 'x'y", /cannot be read/],
    ["(name eq 'x'", /ends too early/],
    ["name eq 'x')", /cannot be read from character 12/],
    ['name eq', /ends too early/],
    ["name 'x'", /cannot be read/],
    ["and name eq 'x'", /cannot be read from character 1/],
    ['name', /'name' where a condition must be/],
    ['true', /'true' where a condition must be/],
    ['tolower(name)', /tolower\(\) where a condition must be/],
    ['name eq 1', /compares a text with 1; a text stands in single quotes/],
    ["errorInfo/code eq 'x'", /compares a number with the text 'x'/],
    ["createdDateTime ge '2019-01-10T12:23:23Z'", /without quotes/],
    ['createdDateTime ge 2019-01-10T12:23:23', /needs an offset/],
    ['createdDateTime ge 2019-02-30', /does not exist/],
    ['createdDateTime ge 2019-01-10T24:00:00Z', /does not exist/],
    ['createdDateTime ge 0001-01-01T00:00:00+14:00', /out of range/],
    ['createdDateTime eq name', /compares a dateTime with a text/],
    ["status eq 'Cancelled'", /unknown status 'Cancelled'; known: NotStarted, /],
    ["status gt 'Failed'", /'gt' on a status/],
    ["contains(status,'x')", /must give contains\(\) texts only/],
    ['contains(name)', /cannot be read|two texts/],
    ['contains(name,null)', /texts only/],
    ["parameters eq 'x'", /without \/any\(\)/],
    ['parameters/all()', /cannot be read/],
    ["name/any(n:n eq 'x')", /'name', which is no collection; known: parameters, states/],
    ['parameters/any(p:states/any())', /within another/],
    ["errorInfo eq 'x'", /can only be eq null/],
    ["not name eq 'x'", /'not' right before a comparison: not \(/],
    ["name eq 'a' eq 'b'", /brackets are missing/],
    ['name in ()', /cannot be read/],
    ["name in ('a', user)", /cannot be read/],
    ["name in 'a'", /cannot be read/],
    ["name in ('a' 'b')", /cannot be read/],
    ['name eq user add 1', /cannot be read|unknown/],
    ['name eq @alias', /unknown property '@alias'/],
    ['$it/name eq 1', /unknown property '\$it\/name'/],
    ["name eq 'a\u0000'", /U\+0000/],
    ['name eq 12345678901234567890', /cannot be read/],
    ["name eq 'a'; drop table x", /cannot be read/],
  ])('refuses %j, naming what is wrong', (text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  it('bounds length, depth, conditions and lists', () => {
    expect(refusal(`name eq '${'x'.repeat(2000)}'`)).toMatch(/longer than 2000/);
    expect(read(`name eq '${'x'.repeat(1990)}'`)).toHaveLength(2004);
    const nested = (depth: number) => `${'('.repeat(depth)}name eq 'x'${')'.repeat(depth)}`;
    expect(read(nested(10))).toBe("name eq text'x'");
    expect(refusal(nested(11))).toMatch(/more than 10 levels/);
    const many = (count: number) => Array.from({ length: count }, () => "name eq ''").join(' or ');
    expect(read(many(33))).toContain('or');
    expect(refusal(many(34))).toMatch(/more than 100 conditions/);
    expect(refusal('not '.repeat(480) + "contains(name,'')")).toMatch(/more than 100 conditions/);
    const list = (count: number) =>
      `name in (${Array.from({ length: count }, () => "'a'").join()})`;
    expect(read(list(50))).toContain('in [');
    expect(refusal(list(51))).toMatch(/more than 50 values/);
  });
});

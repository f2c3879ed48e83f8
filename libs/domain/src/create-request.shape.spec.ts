import { describe, expect, it } from 'vitest';
import { parseCreateRequest } from './create-request.ts';
import { ApiError } from './errors.ts';

const minimal = { name: 'BlockIp', parameters: [], vendorInformation: {} };

/** The refusal of a body. */
function refusalOf(body: unknown): ApiError {
  try {
    parseCreateRequest(body);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('It was taken.');
}

/** Objects within each other: 1 is an object without any. */
function nested(depth: number): unknown {
  return depth === 1 ? {} : { within: nested(depth - 1) };
}

describe('the body of a create', () => {
  it.each([undefined, null, [], 'text', 7, true])('must be an object, not %j', (body) => {
    expect(refusalOf(body)).toMatchObject({ code: 'invalidRequest', httpStatus: 400 });
  });

  it('names every required property that is not there, the first one up front', () => {
    const refusal = refusalOf({});
    expect(refusal).toMatchObject({ message: 'name: is required', target: 'name' });
    expect(refusal.details?.map(({ target }) => target)).toEqual([
      'name',
      'parameters',
      'vendorInformation',
    ]);
  });

  it('is not taken when wrapped, as an early Microsoft sample had it', () => {
    expect(refusalOf({ securityAction: minimal })).toMatchObject({
      target: 'securityAction',
      message: expect.stringContaining("send what is in 'securityAction' as the body"),
    });
    // Beside an action it is a property of the open type like any other.
    const named = { ...minimal, securityAction: { a: 1 } };
    expect(parseCreateRequest(named).properties).toEqual({ securityAction: { a: 1 } });
  });

  it.each(['name', 'parameters', 'vendorInformation'])('needs a %s that is not null', (name) => {
    expect(refusalOf({ ...minimal, [name]: null })).toMatchObject({ target: name });
  });

  it('names at most 20 faults, however many there are', () => {
    const parameters = Array.from({ length: 100 }, () => ({}));
    expect(refusalOf({ ...minimal, parameters }).details).toHaveLength(20);
  });

  it.each([
    ['the root', { '@odata.type': '#microsoft.graph.alert' }, '@odata.type'],
    [
      'a parameter',
      { parameters: [{ '@odata.type': '#microsoft.graph.alert', name: 'IP' }] },
      'parameters[0].@odata.type',
    ],
    [
      'vendorInformation',
      { vendorInformation: { '@odata.type': 'securityVendorInformation' } },
      'vendorInformation.@odata.type',
    ],
    ['errorInfo', { errorInfo: { '@odata.type': 'resultInfo' } }, 'errorInfo.@odata.type'],
    ['a state', { states: [{ '@odata.type': '#x' }] }, 'states[0].@odata.type'],
  ])('is refused with another type at %s', (_where, part, target) => {
    expect(refusalOf({ ...minimal, ...part })).toMatchObject({ target });
  });

  it.each([
    ['parameters[0].extra', { parameters: [{ name: 'IP', extra: 1 }] }],
    ['parameters[0].Name', { parameters: [{ Name: 'IP', name: 'IP' }] }],
    ['vendorInformation.extra', { vendorInformation: { extra: null } }],
    ['errorInfo.extra', { errorInfo: { code: 1, extra: 1 } }],
    ['states[1].extra', { states: [{}, { extra: 1 }] }],
    [
      'vendorInformation.__proto__',
      { vendorInformation: JSON.parse('{"__proto__":{}}') as object },
    ],
  ])('is refused with %s: complex types are closed', (target, part) => {
    expect(refusalOf({ ...minimal, ...part })).toMatchObject({
      message: `${target}: no such property`,
      target,
    });
  });

  it.each([
    ['name', { name: '' }],
    ['name', { name: 'n'.repeat(257) }],
    ['name', { name: 'a\u0000b' }],
    ['name', { name: '\ud800' }],
    ['clientContext', { clientContext: 'c'.repeat(257) }],
    ['actionReason', { actionReason: 'r'.repeat(65_537) }],
    ['actionReason', { actionReason: 7 }],
    ['parameters', { parameters: Array.from({ length: 101 }, () => ({ name: 'IP' })) }],
    ['parameters[0].name', { parameters: [{ name: '' }] }],
    ['parameters[0].value', { parameters: [{ name: 'IP', value: 7 }] }],
    ['parameters[0].value', { parameters: [{ name: 'IP', value: '\udc00' }] }],
    ['parameters[0]', { parameters: ['IP'] }],
    ['vendorInformation.vendor', { vendorInformation: { vendor: 'v'.repeat(257) } }],
  ])('is refused for its %s, which no store or bound would take', (target, part) => {
    expect(refusalOf({ ...minimal, ...part })).toMatchObject({ code: 'invalidRequest', target });
  });

  it('takes texts as long as their bound', () => {
    const texts = { name: 'n'.repeat(256), clientContext: 'c'.repeat(256), actionReason: '😀' };
    expect(parseCreateRequest({ ...minimal, ...texts })).toMatchObject(texts);
  });
});

describe('undeclared properties of the root', () => {
  const propertiesOf = (more: object) => parseCreateRequest({ ...minimal, ...more }).properties;

  it('are kept as they came, annotations left out', () => {
    const kept = { ticket: 'INC-1', nothing: null, list: [1, { a: [false] }], Name: 'other' };
    const annotations = { '@odata.context': 'x', 'ticket@odata.type': '#String' };
    expect(propertiesOf({ ...kept, ...annotations })).toEqual(kept);
  });

  it('may be named like members of Object.prototype, and do no harm', () => {
    const body = JSON.parse(
      `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":2,
        "name":"BlockIp","parameters":[],"vendorInformation":{}}`,
    ) as object;
    const { properties, ...request } = parseCreateRequest(body);
    expect(request).toMatchObject({ name: 'BlockIp', parameters: [] });
    expect(Object.keys(properties).toSorted()).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(properties)).toBe(Object.prototype);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('may be 50, and no more', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, index]));
    expect(Object.keys(propertiesOf(many(50)))).toHaveLength(50);
    expect(refusalOf({ ...minimal, ...many(51) })).toMatchObject({ target: 'p50' });
  });

  it('may hold numbers with up to 30 zeros, before or behind the point', () => {
    const numbers = [0, -0, 1e30, -1e30, 1e-30, 4.5e-30, Number.MAX_SAFE_INTEGER, -273.15];
    expect(propertiesOf({ numbers })).toEqual({ numbers });
  });

  it.each([
    ['x', '{"x":1e31}'],
    ['x', '{"x":-1e300}'],
    ['x', '{"x":1e-31}'],
    ['x', '{"x":-5e-324}'],
    // Beyond what a double can be: JSON would make null of it.
    ['x.y[1].z', '{"x":{"y":[1,{"z":1e400}]}}'],
  ])('are refused at %s for a number that would be written out: %s', (target, text) => {
    expect(refusalOf({ ...minimal, ...(JSON.parse(text) as object) })).toMatchObject({
      code: 'invalidRequest',
      target,
      message: `${target}: must be 0 or a number from 1e-30 to 1e30 in size; send any other as a text`,
    });
  });

  it('may nest 16 deep with the body, and no deeper, however deep a body is', () => {
    expect(propertiesOf({ deep: nested(15) })).toEqual({ deep: nested(15) });
    expect(refusalOf({ ...minimal, deep: nested(16) })).toMatchObject({ target: 'deep' });
    const abyss = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`) as unknown;
    expect(refusalOf({ ...minimal, abyss })).toMatchObject({ target: 'abyss' });
  });

  it.each([
    ['x', { x: 'a\u0000b' }],
    ['x', { x: { y: ['\ud800'] } }],
    ['x', { x: { 'a\u0000': 1 } }],
    ['an undeclared property', { 'a\udc00': 1 }],
  ])('are refused at %s when Postgres could not store them', (target, part) => {
    expect(refusalOf({ ...minimal, ...part })).toMatchObject({ target });
  });
});

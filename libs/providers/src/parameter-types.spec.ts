import { describe, expect, it } from 'vitest';
import {
  PARAMETER_TYPES,
  type ParameterType,
  canonicalValue,
  expectedValue,
} from './parameter-types.ts';

const SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** By type: a canonical form, and every other spelling of it. */
const SPELLINGS: [ParameterType, string, string[]][] = [
  ['string', 'As Is ', []],
  ['integer', '7', ['07', '0007']],
  ['integer', '0', ['-0', '00']],
  ['integer', '-12', ['-012']],
  ['boolean', 'true', ['TRUE', 'True']],
  ['boolean', 'false', ['False']],
  ['ipAddress', '1.2.3.4', ['::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:1.2.3.4']],
  ['ipAddress', '2001:db8::1', ['2001:DB8::1', '2001:0db8:0:0:0:0:0:0001', '2001:db8:0::0:1']],
  ['ipAddress', '::1', ['0:0:0:0:0:0:0:1', '::0001', '::0.0.0.1']],
  ['ipAddress', '::102:304', ['::1.2.3.4', '0::1.2.3.4']],
  ['ipAddress', '64:ff9b::102:304', ['64:ff9b::1.2.3.4']],
  ['ipAddress', 'fe80::1%eth0', ['FE80:0::1%eth0']],
  ['cidr', '10.0.0.0/8', ['10.1.2.3/8', '10.0.0.0/08', '::ffff:10.0.0.0/104', '::ffff:a00:1/104']],
  ['cidr', '1.2.3.4/32', ['::ffff:1.2.3.4/128']],
  ['cidr', '0.0.0.0/0', ['255.0.0.1/0', '::ffff:0:0/96']],
  ['cidr', '2001:db8::/32', ['2001:DB8::1/32', '2001:0db8:0::/32']],
  ['cidr', '::/0', ['::1/0']],
  ['cidr', '::fffe:0:0/95', ['::ffff:1.2.3.4/95']],
  ['cidr', '::/96', ['::1.2.3.4/96']],
  ['domain', 'example.com', ['Example.COM', 'example.com.']],
  ['domain', '_dmarc.a-b.example', ['_DMARC.A-B.example.']],
  ['domain', 'xn--mnchen-3ya.de', ['XN--MNCHEN-3YA.DE']],
  [
    'url',
    'http://example.com/',
    ['HTTP://EXAMPLE.com', 'http://example.com:80', 'http:/example.com'],
  ],
  ['url', 'http://xn--mnchen-3ya.de/', ['http://münchen.de']],
  ['url', 'https://example.com/A?b=C#d', ['https://EXAMPLE.com:443/x/../A?b=C#d']],
  ['sha1', 'a'.repeat(40), ['A'.repeat(40)]],
  ['sha256', SHA256, [SHA256.toUpperCase()]],
  ['md5', '0'.repeat(32), []],
  ['hostId', 'desktop-1', ['DESKTOP-1', 'Desktop-1']],
  ['userPrincipalName', 'anna@example.com', ['Anna@Example.COM']],
  ['duration', 'PT1H', []],
  ['duration', 'P1Y2M3W4DT5H6M7.5S', []],
];

const words = (text: string) => text.split(' ');

const INVALID: Record<Exclude<ParameterType, 'string'>, string[]> = {
  integer: [...words('+7 1.0 1e3 0x7 ٣ 1234567890123456'), '', ' 7', '7\n'],
  boolean: ['yes', '1', '', ' true', 'true\n'],
  ipAddress: [
    // What some products read as another address, or not at all.
    ...words('1.2 1.2.3 16909060 0x7f.0.0.1 010.0.0.1 ::ffff:010.0.0.1 ::ffff:0xa.0.0.1'),
    ...words('64:ff9b::010.2.3.4 ::ffff:1.2.3 1.2.3.256 1.2.3.4. 1.2.3.4/32 localhost [::1]'),
    ...words('::: 1::2::3 12345:: g:: fe80::1%'),
    '',
    ' 1.2.3.4',
    '1.2.3.4\n',
    'fe80::1%a b',
  ],
  cidr: [
    ...words('10/8 10.0/16 010.0.0.0/8 0xa.0.0.0/8 ::ffff:010.0.0.0/104 10.0.0.0 10.0.0.0/ /8'),
    ...words('10.0.0.0/33 10.0.0.0/-1 10.0.0.0/8/8 ::/129'),
    '',
    '10.0.0.0/8\n',
    '10.0.0.0/ 8',
  ],
  domain: [...words('. a..b -a.de a-.de münchen.de a/b'), '', 'a b', 'a\n', 'x'.repeat(64)],
  url: [...words('example.com //example.com /path http:// http://1.2.3.256/'), '', 'http://a b/'],
  sha1: ['', 'a'.repeat(39), 'a'.repeat(41), 'g'.repeat(40), `${'a'.repeat(40)}\n`],
  sha256: [SHA256.slice(1), `0${SHA256}`, `0x${SHA256.slice(2)}`],
  md5: ['a'.repeat(40), 'z'.repeat(32)],
  hostId: ['', 'a b', 'a\n', '\u00a0', 'x'.repeat(256)],
  userPrincipalName: [...words('anna @b a@ a@b@c'), '', 'an na@b', `${'a'.repeat(114)}@b`],
  duration: [...words('P PT P1DT 1H P1H pt1h PT1.H PT0.S -PT1H'), '', 'PT1H\n'],
};

describe('canonicalValue', () => {
  it.each(SPELLINGS)(
    '%s: gives %s for itself and for each other spelling of it',
    (type, form, others) => {
      for (const spelling of [form, ...others]) {
        expect([spelling, canonicalValue(type, spelling)]).toEqual([spelling, form]);
      }
    },
  );

  it.each(Object.entries(INVALID))(
    '%s: gives nothing for what is of no such type',
    (type, values) => {
      const taken = values.filter(
        (value) => canonicalValue(type as ParameterType, value) !== undefined,
      );
      expect(taken).toEqual([]);
    },
  );

  it('tells what differs apart', () => {
    const different: [ParameterType, string, string][] = [
      ['string', 'a', 'A'],
      ['ipAddress', '1.2.3.4', '::1.2.3.4'],
      ['ipAddress', 'fe80::1%eth0', 'fe80::1%eth1'],
      ['cidr', '10.0.0.0/8', '10.0.0.0/9'],
      ['cidr', '::ffff:10.0.0.0/95', '10.0.0.0/8'],
      ['url', 'http://example.com/a', 'http://example.com/A'],
      ['hostId', 'host-1', 'host-1.'],
    ];
    for (const [type, one, other] of different) {
      expect(canonicalValue(type, one)).not.toBe(canonicalValue(type, other));
    }
  });

  it('is final: the canonical form of a canonical form is itself', () => {
    for (const [type, form] of SPELLINGS) {
      const once = canonicalValue(type, form)!;
      expect(canonicalValue(type, once)).toBe(once);
    }
  });

  it.each(PARAMETER_TYPES)('%s: also reads the longest texts that a body can hold', (type) => {
    const starts = ['', 'P', 'PT', '::', '::ffff:', 'http://', '1.1.1.1/', 'a@'];
    const parts = [...words('1 a : . / @ P1Y 1. a: a. 1/ :: 0 % a-'), '\n'];
    const texts = starts.flatMap((start) =>
      parts.flatMap((part) => {
        const text = start + part.repeat(65_500 / part.length);
        return [text, `${text}!`];
      }),
    );
    const forms = texts.map((text) => canonicalValue(type, text));
    const changing = forms.filter(
      (form) => form !== undefined && canonicalValue(type, form) !== form,
    );
    expect(changing.map((form) => form?.slice(0, 20))).toEqual([]);
  });
});

describe('expectedValue', () => {
  it('says for each type what a value looks like', () => {
    for (const type of PARAMETER_TYPES) expect(expectedValue(type)).toMatch(/^(an? |true )\w+/);
  });
});

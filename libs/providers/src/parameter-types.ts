import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What a parameter of an action can be; the catalogue names one of these for each. */
export const PARAMETER_TYPES = [
  'string',
  'integer',
  'boolean',
  'ipAddress',
  'cidr',
  'domain',
  'url',
  'sha1',
  'sha256',
  'md5',
  'hostId',
  'userPrincipalName',
  'duration',
] as const;

export type ParameterType = (typeof PARAMETER_TYPES)[number];

interface Rule {
  expected: string;
  /**
   * The canonical form of a value, undefined when it is no value of this type. Two spellings of one target
   * must give one form, else their actions would not be ordered.
   */
  canonical(value: string): string | undefined;
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*\\.?$`);
const DURATION =
  /^P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/;

const matching = (pattern: RegExp, expected: string): Rule => ({
  expected,
  canonical: (value) => (pattern.test(value.toLowerCase()) ? value.toLowerCase() : undefined),
});
const hash = (name: string, digits: number) =>
  matching(new RegExp(`^[0-9a-f]{${digits}}$`), `a ${name} hash of ${digits} hexadecimal digits`);

const RULES: Record<ParameterType, Rule> = {
  string: { expected: 'a text', canonical: (value) => value },
  integer: {
    expected: 'an integer',
    // Fifteen digits are exact in a number.
    canonical: (value) => (/^-?\d{1,15}$/.test(value) ? String(Number(value)) : undefined),
  },
  boolean: matching(/^(true|false)$/, 'true or false'),
  ipAddress: { expected: 'an IPv4 or IPv6 address', canonical: canonicalAddress },
  cidr: { expected: 'an address range such as 10.0.0.0/8', canonical: canonicalRange },
  domain: {
    expected: 'a domain name',
    canonical: (value) =>
      value.length <= 254 && DOMAIN.test(value.toLowerCase())
        ? value.toLowerCase().replace(/\.$/, '')
        : undefined,
  },
  url: {
    expected: 'an absolute URL',
    canonical: (value) => URL.parse(value)?.href,
  },
  sha1: hash('SHA-1', 40),
  sha256: hash('SHA-256', 64),
  md5: hash('MD5', 32),
  hostId: matching(/^[^\s]{1,255}$/, 'a host id without spaces'),
  userPrincipalName: matching(/^[^\s@]{1,113}@[^\s@]{1,255}$/, 'a user principal name'),
  duration: {
    expected: 'an ISO 8601 duration such as PT1H',
    canonical: (value) => (DURATION.test(value) ? value : undefined),
  },
};

/** The one spelling of a value by which targets are compared; undefined if it is not of the type. */
export function canonicalValue(type: ParameterType, value: string): string | undefined {
  return RULES[type].canonical(value);
}

/** What a value of the type looks like, for an error message. */
export function expectedValue(type: ParameterType): string {
  return RULES[type].expected;
}

function canonicalAddress(value: string): string | undefined {
  const address = parseAddress(value);
  return address && textOf(address);
}

function canonicalRange(value: string): string | undefined {
  const [, text = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(value) ?? [];
  const address = parseAddress(text);
  const length = Number(digits);
  if (!address || length > (address instanceof ipaddr.IPv4 ? 32 : 128)) return undefined;
  if (address instanceof ipaddr.IPv4) {
    return `${ipaddr.IPv4.networkAddressFromCIDR(value).toString()}/${length}`;
  }
  // From 96 bits on, a range of mapped addresses is one of IPv4.
  if (address.isIPv4MappedAddress() && length >= 96) {
    return canonicalRange(`${textOf(address)}/${length - 96}`);
  }
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${length}`);
  return `${network.toRFC5952String()}/${length}`;
}

/** Only what every product reads alike: `ipaddr` alone also takes "1.2", "0x7f.0.0.1" and "010.0.0.1". */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (isIP(text) === 0 || !ipaddr.isValid(text)) return undefined;
  // It takes "::1.2.3.4" for "::ffff:1.2.3.4", another address.
  return ipaddr.parse(text.replace(/^::(?=\d+\.)/, '0::'));
}

/** IPv4 addresses that are mapped into IPv6 are IPv4. */
function textOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.isIPv4MappedAddress()
    ? address.toIPv4Address().toString()
    : address.toRFC5952String();
}

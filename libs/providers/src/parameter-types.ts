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
  integer: matching(/^-?\d{1,15}$/, 'an integer'),
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
    canonical: (value) => (URL.canParse(value) ? new URL(value).href : undefined),
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
  // Only the four-part form: `ipaddr` also reads "1.2" or "0x7f.1", which products read in other ways.
  if (!ipaddr.IPv4.isValidFourPartDecimal(value) && !ipaddr.IPv6.isValid(value)) return undefined;
  const address = ipaddr.process(value);
  return address.kind() === 'ipv6'
    ? (address as ipaddr.IPv6).toRFC5952String()
    : address.toString();
}

function canonicalRange(value: string): string | undefined {
  if (!ipaddr.isValidCIDR(value)) return undefined;
  const [address, length] = ipaddr.parseCIDR(value);
  const kind = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(value).toString()}/${length}`;
}

import { describe, expect, it } from 'vitest';
import { loadSettings } from './settings.ts';

describe('a setting that is a list', () => {
  it('is split at commas, without the blanks around them', () => {
    const { AUTH_ISSUER } = loadSettings({ AUTH_ISSUER: ' https://a , https://b,https://c ' });
    expect(AUTH_ISSUER).toEqual(['https://a', 'https://b', 'https://c']);
  });

  it('has its default as a list of one', () => {
    expect(loadSettings({ AUTH_ISSUER: '' }).AUTH_ISSUER).toEqual(['http://localhost:8089']);
  });

  it.each([',', 'a,,b', 'a,', 'a b'])('is refused when it is %j', (AUTH_AUDIENCE) => {
    expect(() => loadSettings({ AUTH_AUDIENCE })).toThrow('AUTH_AUDIENCE: must be values');
  });
});

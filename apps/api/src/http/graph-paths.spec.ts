import { describe, expect, it } from 'vitest';
import { graphPaths, rewriteUrl } from './graph-paths.ts';

describe('graphPaths', () => {
  it('puts a path under every base of Graph', () => {
    expect(graphPaths('security/x')).toEqual(['security/x', 'beta/security/x', 'v1.0/security/x']);
  });
});

describe('rewriteUrl', () => {
  it.each([
    ["/security/securityActions('1')", '/security/securityActions/1'],
    ['/security/securityActions(%271%27)', '/security/securityActions/1'],
    ['/security/securityActions%28%271%27%29', '/security/securityActions/1'],
    [
      "/beta/security/securityActions('1')/cancelSecurityAction?x=('y')",
      "/beta/security/securityActions/1/cancelSecurityAction?x=('y')",
    ],
    ["/security/securityActions('it''s')", "/security/securityActions/it's"],
    ["/security/securityActions('a%2Fb')", '/security/securityActions/a%2Fb'],
  ])('turns the key of %s into a segment', (url, rewritten) => {
    expect(rewriteUrl({ url })).toBe(rewritten);
  });

  it.each([
    '/security/securityActions/1',
    "/security/securityActions?$filter=name eq 'x'",
    "/security/securityActions('')",
    "/security/securityActions('1",
    '/security/securityActions(1)',
    "/security/securityActions/it's",
  ])('leaves %s as it is', (url) => {
    expect(rewriteUrl({ url })).toBe(url);
  });

  it('takes the path out of an absolute target', () => {
    expect(rewriteUrl({ url: 'http://host:1/security/x?y=1' })).toBe('/security/x?y=1');
    expect(rewriteUrl({ url: 'http://host?y=1' })).toBe('/?y=1');
  });

  it('takes no time over a hostile path', () => {
    const url = `/${"a('".repeat(5000)}`;
    const startedAt = performance.now();
    rewriteUrl({ url });
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});

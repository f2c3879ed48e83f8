import { describe, expect, it } from 'vitest';
import { parseTokenArguments } from './token.ts';

const defaults = {
  issuer: 'i',
  audience: 'a',
  tenant: 't',
  app: 'p',
  roles: ['SecurityActions.ReadWrite.All'],
  expiresInSeconds: 3600,
};

describe('parseTokenArguments', () => {
  it('gives the defaults when nothing is said', () => {
    expect(parseTokenArguments([], defaults)).toEqual(defaults);
  });

  it('takes every option, the role more than once', () => {
    const args = '--tenant T --app A --role R1 --role R2 --user u@x --expires 15m --audience X';
    expect(parseTokenArguments(args.split(' '), defaults)).toEqual({
      issuer: 'i',
      audience: 'X',
      tenant: 'T',
      app: 'A',
      roles: ['R1', 'R2'],
      user: 'u@x',
      expiresInSeconds: 900,
    });
  });

  it('takes a negative time in both spellings', () => {
    expect(parseTokenArguments(['--expires', '-1h'], defaults).expiresInSeconds).toBe(-3600);
    expect(parseTokenArguments(['--expires=-1h'], defaults).expiresInSeconds).toBe(-3600);
  });

  it('refuses what it does not know', () => {
    expect(() => parseTokenArguments(['--tennant', 'T'], defaults)).toThrow('--tennant');
  });
});

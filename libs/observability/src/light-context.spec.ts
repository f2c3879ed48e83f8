import { createContextKey } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { LIGHT_ROOT } from './light-context.ts';

const [ONE, OTHER] = [createContextKey('one'), createContextKey('other')];

describe('a light context', () => {
  it('has the values of the one it was made from, and leaves that one as it was', () => {
    const first = LIGHT_ROOT.setValue(ONE, 1);
    const second = first.setValue(OTHER, 2);
    const third = second.deleteValue(ONE);
    expect([ONE, OTHER].map((key) => LIGHT_ROOT.getValue(key))).toEqual([undefined, undefined]);
    expect([ONE, OTHER].map((key) => first.getValue(key))).toEqual([1, undefined]);
    expect([ONE, OTHER].map((key) => second.getValue(key))).toEqual([1, 2]);
    expect([ONE, OTHER].map((key) => third.getValue(key))).toEqual([undefined, 2]);
  });
});

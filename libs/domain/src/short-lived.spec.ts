import { describe, expect, it } from 'vitest';
import { ShortLivedMap, ShortLivedSet } from './short-lived.ts';

describe('ShortLivedMap', () => {
  it('is a Map in the order of insertion, however many entries have come and gone', () => {
    const map = new ShortLivedMap<number, string>([[1000, 'stays']]);
    const deleted = Array.from({ length: 100 }, (_, key) => {
      map.set(key, `value ${key}`);
      return map.delete(key - 10);
    });
    expect(deleted).toEqual(Array.from({ length: 100 }, (_, key) => key >= 10));
    expect(map.delete(0)).toBe(false);
    expect(map.has(89)).toBe(false);
    expect(map.get(95)).toBe('value 95');
    expect(map.size).toBe(11);
    expect([...map.keys()]).toEqual([1000, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
    expect([...map].at(0)).toEqual([1000, 'stays']);
    expect([...map.values()].at(-1)).toBe('value 99');
    map.clear();
    expect([...map]).toEqual([]);
  });
});

describe('ShortLivedSet', () => {
  it('is a Set in the order of insertion', () => {
    const set = new ShortLivedSet<number>();
    for (let member = 0; member < 50; member++) set.add(member).add(member);
    for (let member = 0; member < 48; member++) expect(set.delete(member)).toBe(true);
    expect(set.delete(0)).toBe(false);
    expect(set.has(0)).toBe(false);
    expect(set.has(48)).toBe(true);
    expect(set.size).toBe(2);
    expect([...set]).toEqual([48, 49]);
  });
});

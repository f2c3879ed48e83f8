import { describe, expect, it } from 'vitest';
import { isoText } from './iso-text.ts';

const moments = [
  0, 1, 999, 1000, -1, -1000, -1001, 1_795_000_000_000, 1_795_000_000_007, 1_795_000_000_070,
  1_795_000_000_999, 1_795_000_001_000, -62_167_219_200_001, 253_402_300_800_000, 8.64e15, -8.64e15,
].map((ms) => new Date(ms));

describe('the text of a moment', () => {
  it('is what a Date says, whatever was asked for before', () => {
    for (const before of moments) {
      for (const moment of moments) {
        isoText(before);
        expect(isoText(moment)).toBe(moment.toISOString());
      }
    }
  });

  it('is none for an invalid date, which leaves nothing behind', () => {
    const [moment] = moments;
    isoText(moment!);
    expect(() => isoText(new Date(Number.NaN))).toThrow(RangeError);
    expect(isoText(moment!)).toBe(moment!.toISOString());
  });
});

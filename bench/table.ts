/** The answer to one question: a table, and what has to be known to read it. */
export interface Answer {
  title: string;
  /** How it was measured. */
  setup: string;
  header: string[];
  rows: string[][];
  /** What does not fit into columns. */
  notes: string[];
}

/** As Markdown; all columns but the first hold numbers. */
export function markdown({ title, setup, header, rows, notes }: Answer): string {
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  const lines = [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [`## ${title}`, '', setup, '', ...lines, '', ...notes.map((note) => `- ${note}`)].join(
    '\n',
  );
}

/** Whole milliseconds, or seconds with one decimal from 10 s on. */
export function duration(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** How many times the one is the other. */
export function ratio(value: number, base: number): string {
  return `${(value / base).toFixed(2)} ×`;
}

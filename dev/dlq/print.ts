import type { DeadLetter, OpenedDeadLetter } from '#domain/dead-letter';

const CAUSE_WIDTH_MAX = 60;

/** One line for each letter, under a head. */
export function table(letters: DeadLetter[]): string {
  const rows = letters.map((letter) => [
    letter.id,
    letter.createdDateTime,
    letter.state,
    letter.azureTenantId ?? '(nobody)',
    `${letter.origin.topic}/${letter.origin.partition}/${letter.origin.offset}`,
    cut(oneLine(`${letter.code}: ${letter.message}`)),
  ]);
  const all = [['id', 'put aside', 'state', 'tenant', 'origin', 'cause'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Everything about one letter. */
export function description({ contents, ...letter }: OpenedDeadLetter): string {
  const lines = [JSON.stringify(letter, null, 2)];
  if (contents === null) {
    lines.push('', 'Contents: not kept, as they are larger than any request may be.');
    return lines.join('\n');
  }
  const { key, headers, value } = contents;
  lines.push('', `Key: ${bytes(key)}`);
  for (const header of headers) {
    lines.push(`Header ${printable(header.name)}: ${bytes(header.value)}`);
  }
  lines.push('Value:', bytes(value));
  return lines.join('\n');
}

function bytes(shown: { base64: string; text: string | null } | null): string {
  if (shown === null) return '(none)';
  return shown.text === null ? `base64 ${shown.base64}` : printable(shown.text);
}

/** A stranger wrote it: nothing in it may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) =>
    character === '\n' ? character : `\\u${hex(character)}`,
  );
}

function hex(character: string): string {
  return character.codePointAt(0)!.toString(16).padStart(4, '0');
}

function oneLine(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}

function cut(text: string): string {
  return text.length > CAUSE_WIDTH_MAX ? `${text.slice(0, CAUSE_WIDTH_MAX - 1)}…` : text;
}

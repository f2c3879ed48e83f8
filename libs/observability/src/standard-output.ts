import { type DestinationStream, pino } from 'pino';

/** So much is kept for when it can be written again. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

let linesDropped = 0;

/** How many lines this process could neither write nor keep. */
export function droppedLines(): number {
  return linesDropped;
}

/**
 * Standard output, written synchronously. What it does not take, as on a full disk, is tried again with the next lines: a
 * service must outlive its log. Beyond `KEPT_BYTES_MAX` lines are dropped, or they would fill the memory in place of the disk.
 */
export function standardOutput(): DestinationStream {
  const destination = pino.destination({ sync: true, maxLength: KEPT_BYTES_MAX });
  // Nobody can be told: this is where it would be written.
  destination.on('error', () => undefined);
  destination.on('drop', (lines) => {
    linesDropped += lines.split('\n').length - 1;
    // Has what is kept be tried again, which a line that is dropped does not do by itself.
    destination.write('');
  });
  return destination;
}

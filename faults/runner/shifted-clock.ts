import { readFileSync } from 'node:fs';

/*
 * Loaded into a process of the product before anything else (`node --import`): its wall clock is wrong by as many
 * milliseconds as the file says that SHIFTED_CLOCK_FILE names, and jumps when that changes. Its monotonic clock
 * goes on, as it does where an operator or NTP sets the time.
 */

const LOOK_MS = 20;

const file = process.env['SHIFTED_CLOCK_FILE'];
let shiftMs = 0;

if (file !== undefined) {
  look(file);
  setInterval(() => look(file), LOOK_MS).unref();
  const { now } = Date;
  const shifted = () => now() + shiftMs;
  globalThis.Date = new Proxy(Date, {
    construct: (target, args: unknown[], newTarget: new () => object) =>
      Reflect.construct(target, args.length === 0 ? [shifted()] : args, newTarget) as object,
    apply: () => new Date().toString(),
    get: (target, name, receiver) =>
      name === 'now' ? shifted : (Reflect.get(target, name, receiver) as unknown),
  });
}

function look(at: string): void {
  try {
    const text = readFileSync(at, 'utf8');
    // Caught while it is written, it is empty: then what was said last holds.
    if (text !== '') shiftMs = Number(text);
  } catch {
    shiftMs = 0;
  }
}

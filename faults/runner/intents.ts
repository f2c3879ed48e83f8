import type { Intent } from '../history.ts';
import type { Dice } from './dice.ts';

/** What is asked for, and how its product is to deal with it. */
export interface Wish {
  intent: Intent;
  body: object;
}

/** Few enough that contrary intents meet, enough that not all wait behind one. */
const TARGETS = 30;
const SLOW_MS_MAX = 900;

/** The answers of a product to the attempts of one action, by how often they occur. */
const ANSWERS = {
  '204': 60,
  '503,204': 12,
  '422': 8,
  '500,204': 6,
  'reset,204': 5,
  'hang,204': 4,
  '503': 3,
  hang: 2,
} as const;

const OUTCOMES = { Completed: 70, Failed: 12, Unknown: 10, Stall: 8 } as const;

const PROVIDERS = {
  Strict: 30,
  Patient: 30,
  Reporter: 15,
  Simulator: 15,
  'Strict Simulator': 10,
} as const;

let marks = 0;

/** A create that has not been sent yet. @param run tells the marks of one run from those of another */
export function wish(
  dice: Dice,
  run: string,
  details: { key?: string; target?: string } = {},
): Wish {
  const provider = dice.weighted(PROVIDERS);
  const isSimulated = provider.endsWith('Simulator');
  const target = details.target ?? (dice.chance(85) ? `host-${dice.between(1, TARGETS)}` : null);
  const { isPrompt, parameters } = isSimulated ? simulated(dice) : behindWebhook(dice, provider);
  marks += 1;
  const mark = `${run}-${marks}`;
  const name = isSimulated ? 'Simulate' : dice.pick(['Isolate', 'Release']);
  const all = { ...parameters, ...(target !== null && { target }) };
  return {
    intent: {
      mark,
      provider: `Acme/${provider}`,
      name,
      target,
      idempotencyKey: details.key ?? null,
      isPrompt,
    },
    body: {
      name,
      clientContext: mark,
      parameters: Object.entries(all).map(([name, value]) => ({ name, value })),
      vendorInformation: { vendor: 'Acme', provider },
    },
  };
}

function behindWebhook(dice: Dice, provider: string) {
  const isReporter = provider === 'Reporter';
  const answers = isReporter && dice.chance(80) ? '202' : dice.weighted(ANSWERS);
  const delayMs = dice.chance(20) ? dice.between(100, SLOW_MS_MAX) : 0;
  return {
    isPrompt: answers === '204' && delayMs === 0,
    parameters: { answers, delayMs: String(delayMs) },
  };
}

function simulated(dice: Dice) {
  const outcome = dice.weighted(OUTCOMES);
  const delayMs = dice.chance(30) ? dice.between(100, SLOW_MS_MAX) : 0;
  const failAttempts = dice.chance(15) ? dice.between(1, 5) : 0;
  return {
    isPrompt: outcome === 'Completed' && delayMs === 0 && failAttempts === 0,
    parameters: { outcome, delayMs: String(delayMs), failAttempts: String(failAttempts) },
  };
}

import { z } from 'zod';
import { ApiError } from '#domain/errors';

/** Graph's limit. */
const REQUESTS_MAX = 20;
const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const;

const itemSchema = z.looseObject({
  id: z.string().min(1).max(255),
  method: z
    .string()
    .transform((method) => method.toUpperCase())
    .pipe(z.enum(METHODS, `must be one of ${METHODS.join(', ')}`))
    .describe(`${METHODS.join(', ')}, in any case.`),
  url: z.string().min(1).describe('Relative to the batch, with or without a slash.'),
  headers: z
    .record(z.string(), z.string())
    .nullish()
    // Clients write `Content-Type`, `content-type` and everything between.
    .transform((headers) => lowerCased(headers ?? {})),
  body: z.unknown().describe('JSON, or base64 of JSON.').optional(),
  dependsOn: z
    .array(z.string())
    .nullish()
    .transform((ids) => (ids ?? []).map(keyOf)),
  atomicityGroup: z
    .null('is not supported: each request stands for itself; use dependsOn')
    .optional(),
});

/** The body of a batch. */
export const batchSchema = z.looseObject({
  requests: z.array(itemSchema).min(1).max(REQUESTS_MAX, `at most ${REQUESTS_MAX} requests`),
});

/** One request of a batch; header names and the keys it depends on are in lower case. */
export type BatchItem = z.infer<typeof itemSchema>;

/**
 * Checks a batch as a whole: what is wrong with one request alone is for that one's answer.
 * @returns the requests by `keyOf` their id, in the order they came
 * @throws ApiError invalidRequest, naming the place
 */
export function parseBatch(body: unknown): Map<string, BatchItem> {
  const parsed = batchSchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw wrong(z.core.toDotPath(issue.path), issue.message);
  }
  const items = new Map<string, BatchItem>();
  for (const [index, item] of parsed.data.requests.entries()) {
    if (items.has(keyOf(item.id))) {
      throw wrong(`requests[${index}].id`, `'${item.id}' is there twice (case does not count)`);
    }
    items.set(keyOf(item.id), item);
  }
  checkOrder(items);
  return items;
}

/** Ids are the same without case. */
function keyOf(id: string): string {
  return id.toLowerCase();
}

/** Takes away what can run, again and again: what is left at the end waits for itself or for nobody. */
function checkOrder(items: Map<string, BatchItem>): void {
  const left = new Map(items);
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const [key, { dependsOn }] of left) {
      if (!dependsOn.some((other) => left.has(other) || !items.has(other))) left.delete(key);
    }
  }
  const [stuck] = left.values();
  if (stuck === undefined) return;
  const place = `requests[${[...items.values()].indexOf(stuck)}].dependsOn`;
  const unknown = stuck.dependsOn.find((other) => !items.has(other));
  if (unknown !== undefined) throw wrong(place, `there is no request '${unknown}'`);
  throw wrong(place, 'these requests wait for each other');
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

function wrong(target: string, message: string): ApiError {
  return new ApiError('invalidRequest', target === '' ? message : `${target}: ${message}`, {
    ...(target !== '' && { target }),
  });
}

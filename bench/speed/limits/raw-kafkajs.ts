import { createRequire } from 'node:module';

/**
 * kafkajs as it is: another copy than the one that the product has replaced parts of in this process.
 * @returns the module
 */
export function rawKafkajs(): typeof import('kafkajs') {
  const load = createRequire(import.meta.url);
  const replaced = Object.entries(load.cache).filter(([file]) => file.includes('/kafkajs/'));
  for (const [file] of replaced) delete load.cache[file];
  try {
    return load('kafkajs') as typeof import('kafkajs');
  } finally {
    // Whoever loads it later is to get that of the product.
    for (const [file, module] of replaced) load.cache[file] = module;
  }
}

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * Names this process in leases. For whoever reads the table at night, and unlike any former process: containers
 * share process ids and host names.
 */
export const WORKER_NAME = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;

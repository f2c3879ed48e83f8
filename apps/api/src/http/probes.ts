/** Routes that are asked every few seconds: their log lines and traces would bury the others. */
export const PROBES = ['/healthz', '/readyz', '/metrics'];

/**
 * How Node is started for the API and the worker, here as in the image: docs/operations.md has the reasons. Both do much with
 * much garbage on a small live heap, and V8 would measure its heap by the memory of the machine.
 */
export const NODE_FLAGS = [
  '--enable-source-maps',
  '--max-semi-space-size=16',
  '--heap-growing-percent=30',
];

/** The script of a worker, and what comes before it and after `NODE_FLAGS`: of two values of one flag the last counts. */
export const WORKER_SCRIPT = 'dist/apps/worker/src/main.js';
export const WORKER_FLAGS = ['--heap-growing-percent=60'];

/** The same as environment of the process: glibc reads what is for the memory that is not V8's, libuv how many threads it has. */
export const NODE_ENVIRONMENT = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '16384',
  MALLOC_TRIM_THRESHOLD_: '1048576',
  UV_THREADPOOL_SIZE: '16',
};

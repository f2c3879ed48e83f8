import { DOCS_FILES } from './docs.controller.ts';
import { type Answer, type Operations, json } from './operation.ts';

const TAG = 'Service';

const text = (type: string, description: string): Answer => ({
  description,
  content: { type, schema: 'text' },
});

/** What the service says of itself: without a base path and without a token. */
export const SERVICE_OPERATIONS: Operations = {
  '/healthz': {
    get: {
      id: 'getHealth',
      tag: TAG,
      summary: 'Whether the process is alive',
      access: 'public',
      answers: { 200: json('health', 'It is.') },
      examples: {
        alive: { summary: 'Alive', answer: { status: 200, body: { status: 'ok', details: {} } } },
      },
    },
  },
  '/readyz': {
    get: {
      id: 'getReadiness',
      tag: TAG,
      summary: 'Whether the process can serve',
      access: 'public',
      answers: {
        200: json('health', 'It can.'),
        503: json(
          'health',
          'It cannot: neither Kafka nor Postgres can be reached, or it is stopping.',
        ),
      },
      examples: {
        ready: {
          summary: 'Ready',
          answer: {
            status: 200,
            body: {
              status: 'ok',
              details: { kafka: { status: 'up' }, postgres: { status: 'up' } },
            },
          },
        },
      },
    },
  },
  '/metrics': {
    get: {
      id: 'getMetrics',
      tag: TAG,
      summary: 'Numbers for Prometheus',
      access: 'public',
      answers: { 200: text('text/plain', "Prometheus' text format.") },
    },
  },
  '/openapi.json': {
    get: {
      id: 'getOpenApiDocument',
      tag: TAG,
      summary: 'This document',
      access: 'public',
      answers: { 200: json('openObject', 'An OpenAPI 3.1 document.') },
    },
  },
  '/asyncapi.json': {
    get: {
      id: 'getAsyncApiDocument',
      tag: TAG,
      summary: 'The same for Kafka: topics and messages',
      access: 'public',
      answers: { 200: json('openObject', 'An AsyncAPI 3.0 document.') },
    },
  },
  '/docs': {
    get: {
      id: 'getDocumentationPage',
      tag: TAG,
      summary: 'This document as a page to read and try out',
      access: 'public',
      answers: { 200: text('text/html', 'A page.') },
    },
  },
  ...Object.fromEntries(
    Object.entries(DOCS_FILES).map(([file, type]) => [
      `/docs/${file}`,
      {
        get: {
          id: `getDocumentationFile_${file.replaceAll(/\W/g, '_')}`,
          tag: TAG,
          summary: 'A part of that page',
          access: 'public' as const,
          answers: { 200: text(type, 'The file.') },
        },
      },
    ]),
  ),
};

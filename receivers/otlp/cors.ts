import type { IncomingMessage, ServerResponse } from 'node:http';
import { BATCH_ID_HEADER } from '../../src/component.js';

export interface CorsConfig {
  corsOrigins: readonly string[];
  corsHeaders: readonly string[];
  corsMaxAgeSeconds: number;
}

/** What exporters in a page send of their own accord. */
const DEFAULT_HEADERS = ['Content-Type', 'Content-Encoding', 'X-Requested-With'];

function patternOf(origin: string): RegExp {
  const escaped = origin.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[^/]*')}$`, 'i');
}

/** Fetch standard §CORS. Off, and free, when no origin is listed. */
export interface Cors {
  /** Marks the response as readable by the page that asked, if its origin is listed. */
  mark(request: IncomingMessage, response: ServerResponse): void;
  /** Answers a preflight; false when the request is none. */
  preflight(request: IncomingMessage, response: ServerResponse): boolean;
}

export function createCors({ corsOrigins, corsHeaders, corsMaxAgeSeconds }: CorsConfig): Cors {
  const patterns = corsOrigins.map(patternOf);
  const anyOrigin = corsOrigins.includes('*');
  const allowed = (origin: string) => anyOrigin || patterns.some((pattern) => pattern.test(origin));

  return {
    mark(request, response) {
      const { origin } = request.headers;
      if (patterns.length === 0 || origin === undefined) return;
      response.setHeader('Vary', 'Origin');
      if (!allowed(origin)) return;
      // A bare * goes without credentials, as the standard demands; a listed origin is trusted with them.
      response.setHeader('Access-Control-Allow-Origin', anyOrigin ? '*' : origin);
      if (!anyOrigin) response.setHeader('Access-Control-Allow-Credentials', 'true');
      response.setHeader('Access-Control-Expose-Headers', `Retry-After, ${BATCH_ID_HEADER}`);
    },

    preflight(request, response) {
      const asked = request.headers['access-control-request-method'];
      if (patterns.length === 0 || request.method !== 'OPTIONS' || asked === undefined) return false;
      const { origin } = request.headers;
      if (origin !== undefined && allowed(origin)) {
        response.setHeader('Access-Control-Allow-Methods', 'POST');
        response.setHeader('Access-Control-Allow-Headers', [...DEFAULT_HEADERS, ...corsHeaders].join(', '));
        response.setHeader('Access-Control-Max-Age', String(corsMaxAgeSeconds));
      }
      response.writeHead(204).end();
      return true;
    },
  };
}

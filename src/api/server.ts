/** The API on its port. */
import { type ApiOptions, buildApp } from './app.js';
import { type Api, createListener } from './listener.js';

export function createApi(options: ApiOptions): Api {
  return createListener(options.config, () => buildApp(options));
}

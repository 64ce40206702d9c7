import type { Registry } from '../../registry/registry.js';
import type { SelfTelemetry } from './component.js';

/** Resolving a prompt has a span of its own within the request that asks for it. */
export function tracedRegistry(registry: Registry, telemetry: Pick<SelfTelemetry, 'child'> | undefined): Registry {
  if (!telemetry) return registry;
  const resolve: Registry['resolve'] = (workspace, name, selector, unit) =>
    telemetry.child('resolve prompt', { 'prompt.name': name }, () => registry.resolve(workspace, name, selector, unit));
  return new Proxy(registry, {
    get(target, property) {
      if (property === 'resolve') return resolve;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

import { describe, expect, it } from 'vitest';
import { healthyGateway, testApp } from '../helpers/api.js';
import { textOf } from './files.js';
import { type Container, gatewayOf, manifests, POD_FILES, podsIn, STATEFUL_SET } from './gateways.js';

const pods = POD_FILES.flatMap((file) => podsIn(file).map((pod) => ({ file, pod, gateway: gatewayOf(pod) })));

async function statusesOf(path: string): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  for (const state of ['starting', 'serving', 'draining'] as const) {
    const { app } = await testApp({ health: { ...healthyGateway, state: () => state } });
    statuses[state] = (await app.inject(path)).statusCode;
    await app.close();
  }
  return statuses;
}

const ALIVE = { starting: 200, serving: 200, draining: 200 };
const READY = { starting: 503, serving: 200, draining: 503 };

const probesOf = ({ startupProbe, livenessProbe, readinessProbe }: Container) =>
  [startupProbe, livenessProbe, readinessProbe].flatMap((probe) => probe ?? []);

describe.each(pods)('$file', ({ file, pod, gateway }) => {
  it('restarts no gateway that drains', async () => {
    expect(await statusesOf(gateway.livenessProbe!.httpGet.path)).toEqual(ALIVE);
  });

  it('probes ports that are there', () => {
    const names = gateway.ports!.map(({ name }) => name);
    for (const { httpGet } of probesOf(gateway)) expect(names).toContain(httpGet.port);
  });

  it('runs as nobody in particular, on one CPU', () => {
    expect(pod.securityContext.runAsNonRoot).toBe(true);
    expect(gateway.resources.limits.cpu).toBe('1');
  });

  it('has services that lead to ports of the gateway, by the numbers that clients know', () => {
    const ports = new Map(gateway.ports!.map(({ name, containerPort }) => [name, containerPort]));
    for (const service of manifests(file, 'Service')) {
      for (const { port, targetPort } of service.ports) expect(ports.get(targetPort)).toBe(port);
    }
  });
});

it('a gateway that drains gets no requests of a Service', async () => {
  const probe = pods.find(({ file }) => file.endsWith('deployment.yaml'))!.gateway.readinessProbe!;
  expect(await statusesOf(probe.httpGet.path)).toEqual(READY);
});

it('an application with a sidecar starts when that takes requests, and sends to it', async () => {
  const { pod, gateway } = pods.find(({ file }) => file.endsWith('sidecar.yaml'))!;
  expect(gateway.restartPolicy).toBe('Always');
  expect(await statusesOf(gateway.startupProbe!.httpGet.path)).toEqual(READY);
  const application = new Map(pod.containers[0]!.env.map(({ name, value }) => [name, value]));
  const { port } = new URL(application.get('OTEL_EXPORTER_OTLP_ENDPOINT')!);
  expect(gateway.ports!.find(({ name }) => name === 'otlp-http')!.containerPort).toBe(Number(port));
});

it('the chart probes what the manifests probe', () => {
  const [deployment] = podsIn('deploy/kubernetes/deployment.yaml');
  const paths = probesOf(gatewayOf(deployment!)).map(({ httpGet }) => httpGet.path);
  expect([...textOf(STATEFUL_SET).matchAll(/path: (\/\S+)/g)].map(([, path]) => path)).toEqual(paths);
});

/** Every gateway that a file of deploy/ starts, whatever the format, as one shape. */
import { bytes } from '../../src/setting.js';
import { readYaml, textOf } from './files.js';

export interface DeployedGateway {
  name: string;
  /** A value that comes from a secret is undefined. */
  env: Record<string, string | undefined>;
  /** That it listens on, as the file says; empty where the file says nothing. */
  ports: number[];
  /** Between the word to stop and the end by force. */
  graceSeconds: number;
  /** Of these, how long it is left alone at first. */
  drainDelaySeconds: number;
  memoryBytes: number;
  /** Where it may write. */
  writable: string[];
  readOnlyRoot: boolean;
  image: string | undefined;
}

function bytesOf(text: string): number {
  return bytes().parse(text.replace(/i$/, ''));
}

function secondsOf(text: string): number {
  return Number(/^(\d+)s?$/.exec(text)![1]);
}

interface ComposeService {
  image: string;
  build?: string;
  environment: Record<string, string>;
  ports: string[];
  volumes: string[];
  read_only: boolean;
  stop_grace_period: string;
  mem_limit: string;
}

/** As Compose puts them in, with nothing in the environment: ${NAME:-default}, and ${NAME:?} for what must be set. */
function interpolated(text: string): string {
  return text.replaceAll(/\$\{\w+:(-|\?)([^}]*)\}/g, (_, kind, standard) =>
    kind === '-' ? standard : 'given-by-the-environment',
  );
}

export function composeServices(file: string): Record<string, ComposeService> {
  const [document] = readYaml(file).documents as [{ services: Record<string, ComposeService> }];
  return document.services;
}

function inCompose(file: string): DeployedGateway[] {
  return Object.entries(composeServices(file))
    .filter(([, { build }]) => build !== undefined)
    .map(([service, { image, environment, ports, volumes, ...rest }]) => ({
      name: `${file}: ${service}`,
      env: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, interpolated(value)])),
      ports: ports.map((port) => Number(port.split(':').at(-1))),
      graceSeconds: secondsOf(rest.stop_grace_period),
      drainDelaySeconds: 0,
      memoryBytes: bytesOf(rest.mem_limit),
      writable: volumes.map((volume) => volume.split(':')[1]!),
      readOnlyRoot: rest.read_only,
      image,
    }));
}

interface Variable {
  name: string;
  value?: string;
}

export interface Probe {
  httpGet: { path: string; port: string };
}

export interface Container {
  name: string;
  image: string;
  restartPolicy?: string;
  env: Variable[];
  ports?: { name: string; containerPort: number }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  resources: { limits: { memory: string; cpu?: string } };
  securityContext: { readOnlyRootFilesystem: boolean };
  volumeMounts?: { mountPath: string }[];
}

interface PodSpec {
  terminationGracePeriodSeconds: number;
  securityContext: { runAsNonRoot: boolean };
  initContainers?: Container[];
  containers: Container[];
}

interface Manifest {
  kind: string;
  spec: { template: { spec: PodSpec }; ports: { port: number; targetPort: string }[] };
}

export function manifests(file: string, kind: string): Manifest['spec'][] {
  const documents = readYaml(file).documents as Manifest[];
  return documents.filter((each) => each.kind === kind).map(({ spec }) => spec);
}

export function podsIn(file: string): PodSpec[] {
  return manifests(file, 'Deployment').map(({ template }) => template.spec);
}

export function gatewayOf({ initContainers = [], containers }: PodSpec): Container {
  return [...initContainers, ...containers].find(({ name }) => name === 'gateway')!;
}

function inPod(file: string, pod: PodSpec): DeployedGateway {
  const gateway = gatewayOf(pod);
  return {
    name: file,
    env: Object.fromEntries(gateway.env.map(({ name, value }) => [name, value])),
    ports: gateway.ports!.map(({ containerPort }) => containerPort),
    graceSeconds: pod.terminationGracePeriodSeconds,
    drainDelaySeconds: gateway.lifecycle?.preStop.sleep.seconds ?? 0,
    memoryBytes: bytesOf(gateway.resources.limits.memory),
    writable: (gateway.volumeMounts ?? []).map(({ mountPath }) => mountPath),
    readOnlyRoot: gateway.securityContext.readOnlyRootFilesystem,
    image: gateway.image,
  };
}

interface Values {
  mode: string;
  settings: Record<string, string>;
  drainDelaySeconds: number;
  terminationGracePeriodSeconds: number;
  node: { maxOldSpaceMebibytes: number };
  resources: { limits: { memory: string } };
}

export const STATEFUL_SET = 'deploy/helm/promptmetrics/templates/statefulset.yaml';

/** The chart with its own values: what is text in the template, and what it takes from them. */
function inChart(): DeployedGateway {
  const template = textOf(STATEFUL_SET);
  const [values] = readYaml('deploy/helm/promptmetrics/values.yaml').documents as [Values];
  const variables = [...template.matchAll(/- name: ([A-Z_]+)\n\s+value: (.+)/g)].map(([, name, value]) => [
    name!,
    value!
      .replace('{{ .Values.node.maxOldSpaceMebibytes }}', String(values.node.maxOldSpaceMebibytes))
      .replace('{{ .Values.mode }}', values.mode)
      .replaceAll('"', ''),
  ]);
  return {
    name: 'deploy/helm/promptmetrics',
    env: { ...Object.fromEntries(variables), ...values.settings },
    ports: [...template.matchAll(/containerPort: (\d+)/g)].map(([, port]) => Number(port)),
    graceSeconds: values.terminationGracePeriodSeconds,
    drainDelaySeconds: values.drainDelaySeconds,
    memoryBytes: bytesOf(values.resources.limits.memory),
    writable: [...template.matchAll(/mountPath: (\S+)\n(?!\s+readOnly: true)/g)].map(([, mount]) => mount!),
    readOnlyRoot: template.includes('readOnlyRootFilesystem: true'),
    image: undefined,
  };
}

export const UNIT = 'deploy/systemd/promptmetrics.service';

/** NAME=value of a unit's Environment=, in quotes where it has spaces. */
function assignments(line: string): [string, string][] {
  return [...line.matchAll(/"(\w+)=([^"]*)"|(\w+)=(\S*)/g)].map(([, quoted, text, name, value]) => [
    (quoted ?? name)!,
    (text ?? value)!,
  ]);
}

function inUnit(): DeployedGateway {
  const lines = textOf(UNIT).split('\n');
  const directive = (key: string) => lines.find((line) => line.startsWith(`${key}=`))!.slice(key.length + 1);
  const environment = lines.filter((line) => line.startsWith('Environment='));
  const state = `/var/lib/${directive('StateDirectory')}`;
  const variables = environment.flatMap((line) => assignments(line.slice('Environment='.length)));
  return {
    name: UNIT,
    env: Object.fromEntries(variables.map(([name, value]) => [name, value.replace('%S', '/var/lib')])),
    ports: [],
    graceSeconds: secondsOf(directive('TimeoutStopSec')),
    drainDelaySeconds: 0,
    memoryBytes: bytesOf(directive('MemoryMax')),
    writable: [state],
    readOnlyRoot: directive('ProtectSystem') === 'strict',
    image: undefined,
  };
}

export const COMPOSE_FILES = ['single', 'postgres-redis', 'jaeger-tempo'].map((name) => `deploy/compose/${name}.yaml`);
export const POD_FILES = ['deployment', 'sidecar'].map((name) => `deploy/kubernetes/${name}.yaml`);

export function deployedGateways(): DeployedGateway[] {
  return [
    ...COMPOSE_FILES.flatMap(inCompose),
    ...POD_FILES.flatMap((file) => podsIn(file).map((pod) => inPod(file, pod))),
    inChart(),
    inUnit(),
  ];
}

/**
 * Which service, type, operation and resource a span has for Datadog: the rules by which the Datadog Agent maps OTLP
 * (its pkg/trace/transform, operation and resource names of version 2), so that a span looks the same whichever way it
 * came.
 */
import type { Span } from '../../src/model/telemetry.js';
import { type Attributes, toTagValue } from './attributes.js';

const SERVER = 2;
const CLIENT = 3;

/** By OTLP SpanKind. */
const KIND_TAGS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
/** Operations of spans about which nothing else is known; the Agent counts an unspecified kind as internal. */
const KIND_OPERATIONS = ['Internal', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];

// Where semantic conventions renamed an attribute, the newer name goes first.
const HTTP_METHOD = ['http.request.method', 'http.method'];
const DB_SYSTEM = ['db.system.name', 'db.system'];
const DB_STATEMENT = ['db.statement', 'db.query.text'];
const MESSAGING_DESTINATION = ['messaging.destination', 'messaging.destination.name'];

export function kindTag(kind: number): string {
  return KIND_TAGS[kind] ?? KIND_TAGS[0]!;
}

const NO_SERVICE = 'otlpresourcenoservicename';
const UNUSABLE_SERVICE = 'unnamed-service';
const MAX_SERVICE_CHARS = 100;

export function serviceOf(attributes: Attributes): string {
  const name = attributes.text(['service.name']) || NO_SERVICE;
  return toTagValue(name.slice(0, MAX_SERVICE_CHARS)) || UNUSABLE_SERVICE;
}

const CACHES = new Set(['redis', 'memcached']);

export function typeOf({ kind }: Span, attributes: Attributes): string {
  if (Object.keys(attributes.span).some((key) => key.startsWith('gen_ai.'))) return 'llm';
  const type = attributes.text(['span.type']);
  if (type !== '') return type;
  if (kind === SERVER) return 'web';
  return kind === CLIENT ? clientType(attributes.tag(DB_SYSTEM)) : 'custom';
}

function clientType(database: string): string {
  if (database === '') return 'http';
  return CACHES.has(database) ? 'cache' : 'db';
}

// ---- operation ----

/** In this order; the first that knows the span names it. */
const OPERATIONS = [httpOperation, databaseOperation, messagingOperation, rpcOperation, functionOperation];

export function operationOf(span: Span, attributes: Attributes): string {
  const given = attributes.tag(['operation.name']);
  if (given !== '') return given;
  for (const rule of OPERATIONS) {
    const name = rule(span.kind, attributes);
    if (name !== undefined) return name;
  }
  if (attributes.tag(['graphql.operation.type']) !== '') return 'graphql.server.request';
  return protocolOperation(span.kind, attributes) ?? KIND_OPERATIONS[span.kind] ?? KIND_OPERATIONS[0]!;
}

/** server or client, undefined for the other kinds. */
function sideOf(kind: number): string | undefined {
  if (kind === SERVER) return 'server';
  return kind === CLIENT ? 'client' : undefined;
}

function httpOperation(kind: number, attributes: Attributes): string | undefined {
  const side = sideOf(kind);
  return side !== undefined && attributes.text(HTTP_METHOD) !== '' ? `http.${side}.request` : undefined;
}

function databaseOperation(kind: number, attributes: Attributes): string | undefined {
  const system = attributes.tag(DB_SYSTEM);
  return system !== '' && kind === CLIENT ? `${system}.query` : undefined;
}

function messagingOperation(kind: number, attributes: Attributes): string | undefined {
  const system = attributes.tag(['messaging.system']);
  const operation = attributes.tag(['messaging.operation']);
  return system !== '' && operation !== '' && kind >= SERVER ? `${system}.${operation}` : undefined;
}

function rpcOperation(kind: number, attributes: Attributes): string | undefined {
  const system = attributes.tag(['rpc.system']);
  const side = sideOf(kind);
  if (system === '' || side === undefined) return undefined;
  if (system !== 'aws-api' || kind !== CLIENT) return `${system}.${side}.request`;
  return `aws.${attributes.tag(['rpc.service']) || 'client'}.request`;
}

function functionOperation(kind: number, attributes: Attributes): string | undefined {
  if (kind === SERVER) {
    const trigger = attributes.tag(['faas.trigger']);
    return trigger === '' ? undefined : `${trigger}.invoke`;
  }
  const provider = attributes.tag(['faas.invoked_provider']);
  const name = attributes.tag(['faas.invoked_name']);
  return provider !== '' && name !== '' && kind === CLIENT ? `${provider}.${name}.invoke` : undefined;
}

function protocolOperation(kind: number, attributes: Attributes): string | undefined {
  const side = sideOf(kind);
  if (side === undefined) return undefined;
  const protocol = attributes.tag(['network.protocol.name']);
  return protocol === '' ? `${side}.request` : `${protocol}.${side}.request`;
}

// ---- resource ----

export function resourceOf(span: Span, attributes: Attributes): string {
  return (
    attributes.text(['resource.name']) || httpResource(span.kind, attributes) || otherResource(attributes) || span.name
  );
}

function httpResource(kind: number, attributes: Attributes): string {
  const method = attributes.text(HTTP_METHOD);
  if (method === '') return '';
  return joined(method === '_OTHER' ? 'HTTP' : method, httpRoute(kind, attributes));
}

function httpRoute(kind: number, attributes: Attributes): string {
  if (kind === SERVER) return attributes.text(['http.route']);
  return kind === CLIENT ? attributes.text(['url.template']) : '';
}

function otherResource(attributes: Attributes): string {
  return (
    pair(attributes, ['messaging.operation'], MESSAGING_DESTINATION) ||
    pair(attributes, ['rpc.method'], ['rpc.service']) ||
    pair(attributes, ['graphql.operation.type'], ['graphql.operation.name']) ||
    (attributes.text(DB_SYSTEM) && attributes.text(DB_STATEMENT))
  );
}

/** '' unless there is the first. */
function pair(attributes: Attributes, first: readonly string[], second: readonly string[]): string {
  const text = attributes.text(first);
  return text === '' ? '' : joined(text, attributes.text(second));
}

function joined(first: string, second: string): string {
  return second === '' ? first : `${first} ${second}`;
}

/** A span, a log record or a data point, and what is around it, read as far as it is asked for. */
import type { Signal } from '../../src/component.js';
import { low, readVarint } from '../../src/otlp/wire.js';
import { VARINT } from '../../src/otlp/wire-types.js';
import { type FieldPlace, fieldsOf } from '../wire-fields.js';
import { Attributes, messagesAt, scalarTextAt, textAt } from './attribute.js';

/** Numbers of the fields that hold attributes. */
export const RESOURCE_ATTRIBUTES = 1;
export const SCOPE_ATTRIBUTES = 3;
export const SPAN_ATTRIBUTES = 9;
export const LOG_ATTRIBUTES = 6;

export const SPAN = {
  traceId: 1,
  traceState: 3,
  name: 5,
  attributes: SPAN_ATTRIBUTES,
  events: 11,
  links: 13,
  status: 15,
};
export const LOG = { severityNumber: 2, severityText: 3, body: 5, attributes: LOG_ATTRIBUTES, traceId: 9 };
const STATUS_CODE = 3;
const SCOPE_NAME = 1;

/** Of an enum that is there several times the last counts. */
function numberAt(fields: readonly FieldPlace[], number: number): number {
  const place = fields.findLast((field) => field.number === number && field.wireType === VARINT);
  if (place === undefined) return 0;
  readVarint(place.content, place.stop);
  return low;
}

/** A message that may have come in pieces. */
function joined(places: readonly FieldPlace[]): FieldPlace[] {
  return places.flatMap(({ content, stop }) => fieldsOf(content, stop));
}

/** Of the items of one scope. */
export class Surroundings {
  #resource: Attributes | undefined;
  #scope: Attributes | undefined;

  constructor(
    readonly workspace: string,
    private readonly resources: readonly FieldPlace[],
    private readonly scopes: readonly FieldPlace[],
  ) {}

  get resourceAttributes(): Attributes {
    this.#resource ??= new Attributes(joined(this.resources), RESOURCE_ATTRIBUTES);
    return this.#resource;
  }
  get scopeAttributes(): Attributes {
    this.#scope ??= new Attributes(joined(this.scopes), SCOPE_ATTRIBUTES);
    return this.#scope;
  }
  get scopeName(): string {
    return textAt(joined(this.scopes), SCOPE_NAME);
  }
}

export interface ItemPlace {
  signal: Signal;
  fields: readonly FieldPlace[];
  /** The number of the field that holds its attributes. */
  attributesAt: number;
  /** Of a data point. */
  metricName?: string;
}

export class Item {
  readonly signal: Signal;
  readonly fields: readonly FieldPlace[];
  #attributes: Attributes | undefined;

  constructor(
    private readonly place: ItemPlace,
    readonly around: Surroundings,
  ) {
    this.signal = place.signal;
    this.fields = place.fields;
  }

  get attributes(): Attributes {
    this.#attributes ??= new Attributes(this.fields, this.place.attributesAt);
    return this.#attributes;
  }
  /** The number of the field that holds them. */
  get attributesAt(): number {
    return this.place.attributesAt;
  }
  /** Of the span, or of the metric. */
  get name(): string {
    return this.place.metricName ?? textAt(this.fields, SPAN.name);
  }
  /** Of a span: 0 unset, 1 ok, 2 error. */
  get statusCode(): number {
    return numberAt(joined(messagesAt(this.fields, SPAN.status)), STATUS_CODE);
  }
  /** Of a log record: 0 when it has none. */
  get severityNumber(): number {
    return numberAt(this.fields, LOG.severityNumber);
  }
  get severityText(): string {
    return textAt(this.fields, LOG.severityText);
  }
  /** Of a log record: a scalar as text; undefined for a list, a map, bytes, and nothing. */
  get body(): string | undefined {
    return scalarTextAt(this.fields, LOG.body);
  }
}

/**
 * A request with what becomes of its resources, scopes and items. Whatever nobody asks to change stays byte for byte, fields
 * that nobody knows as well; a group whose last item goes, goes with it.
 */
import type { Signal } from '../../src/component.js';
import { bytes, closeWire, openWire } from '../../src/otlp/wire.js';
import { type Edit, edited, type FieldPlace, fieldsOf, isMessage, wrap } from '../wire-fields.js';
import { messagesAt, textAt } from './attribute.js';
import { Item, LOG_ATTRIBUTES, SPAN_ATTRIBUTES, Surroundings } from './item.js';

export interface Editor {
  /** A Resource, an InstrumentationScope: as its fields. */
  resource?(fields: readonly FieldPlace[]): Edit;
  scope?(fields: readonly FieldPlace[]): Edit;
  item?(item: Item): Edit;
}

/** Numbers in a request, in ResourceSpans, in ScopeSpans, and so for the other signals. */
const GROUPS = 1;
const OWN = 1;
const INNER = 2;

const METRIC_NAME = 1;
const DATA_POINTS = 1;
/** Gauge, Sum, Histogram, ExponentialHistogram, Summary: where their points have their attributes. */
export const POINT_ATTRIBUTES: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 };

export interface Walked {
  edit: Edit;
  /** Items that went. */
  gone: number;
}

/** Throws a WireError for what is no protobuf. */
export function walk(signal: Signal, payload: Buffer, workspace: string, editor: Editor): Walked {
  openWire(payload);
  try {
    const walker = new Walker(signal, workspace, editor);
    return { edit: walker.request(), gone: walker.gone };
  } finally {
    closeWire();
  }
}

/** Gone when it held messages of that kind, and none of them stays. */
function container(fields: readonly FieldPlace[], isHeld: (field: FieldPlace) => boolean, edit: Edits): Edit {
  let held = 0;
  let gone = 0;
  const made = edited(fields, (field) => {
    if (!isHeld(field)) return edit.other?.(field) ?? 'same';
    held += 1;
    const one = edit.held(field);
    if (one === 'gone') gone += 1;
    return one;
  });
  return held > 0 && gone === held ? 'gone' : made;
}

interface Edits {
  held(field: FieldPlace): Edit;
  other?(field: FieldPlace): Edit;
}

const isAt = (number: number) => (field: FieldPlace) => field.number === number && isMessage(field);
const isData = (field: FieldPlace) => field.number in POINT_ATTRIBUTES && isMessage(field);
const within = ({ content, stop }: FieldPlace) => fieldsOf(content, stop);

/** Of a group that names no resource, or no scope, which may get attributes nevertheless. */
function withOwn(fields: readonly FieldPlace[], edit: Edit, make: Editor['resource']): Edit {
  const [first] = fields;
  if (edit === 'gone' || first === undefined) return edit;
  const own = make?.([]) ?? 'same';
  if (own === 'same' || own === 'gone') return edit;
  const rest = edit === 'same' ? [bytes.subarray(first.from, fields.at(-1)!.stop)] : edit;
  return [...wrap(OWN, own), ...rest];
}

class Walker {
  gone = 0;

  constructor(
    private readonly signal: Signal,
    private readonly workspace: string,
    private readonly editor: Editor,
  ) {}

  request(): Edit {
    return container(fieldsOf(0, bytes.length), isAt(GROUPS), { held: (field) => this.resourceGroup(within(field)) });
  }

  private resourceGroup(fields: readonly FieldPlace[]): Edit {
    const resources = messagesAt(fields, OWN);
    const edit = container(fields, isAt(INNER), {
      held: (field) => this.scopeGroup(within(field), resources),
      other: (field) => this.own(field, this.editor.resource),
    });
    return resources.length === 0 ? withOwn(fields, edit, this.editor.resource) : edit;
  }

  private scopeGroup(fields: readonly FieldPlace[], resources: readonly FieldPlace[]): Edit {
    const scopes = messagesAt(fields, OWN);
    const around = new Surroundings(this.workspace, resources, scopes);
    const edit = container(fields, isAt(INNER), {
      held: (field) => (this.signal === 'metrics' ? this.metric(within(field), around) : this.entry(field, around)),
      other: (field) => this.own(field, this.editor.scope),
    });
    return scopes.length === 0 ? withOwn(fields, edit, this.editor.scope) : edit;
  }

  /** The Resource or the scope of a group. */
  private own(field: FieldPlace, edit: ((fields: readonly FieldPlace[]) => Edit) | undefined): Edit {
    return edit !== undefined && isAt(OWN)(field) ? edit(within(field)) : 'same';
  }

  private metric(fields: readonly FieldPlace[], around: Surroundings): Edit {
    if (this.editor.item === undefined) return 'same';
    const metricName = textAt(fields, METRIC_NAME);
    return container(fields, isData, {
      held: (data) =>
        container(within(data), isAt(DATA_POINTS), {
          held: (point) => this.item(point, POINT_ATTRIBUTES[data.number]!, around, metricName),
        }),
    });
  }

  private entry(field: FieldPlace, around: Surroundings): Edit {
    return this.item(field, this.signal === 'traces' ? SPAN_ATTRIBUTES : LOG_ATTRIBUTES, around);
  }

  private item(field: FieldPlace, attributesAt: number, around: Surroundings, metricName?: string): Edit {
    if (this.editor.item === undefined) return 'same';
    const place = {
      signal: this.signal,
      fields: within(field),
      attributesAt,
      ...(metricName !== undefined && { metricName }),
    };
    const made = this.editor.item(new Item(place, around));
    if (made === 'gone') this.gone += 1;
    return made;
  }
}

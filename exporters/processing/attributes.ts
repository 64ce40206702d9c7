/** Attributes that come, go, get another value or another name, or are told by their hash alone. */
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { bytes } from '../../src/otlp/wire.js';
import { type Edit, edited, type FieldPlace, fieldsOf, isMessage, wrap } from '../wire-fields.js';
import { hasKey, KEY, keyOf, messagesAt, STRING_VALUE, VALUE } from './attribute.js';
import { type Item, LOG_ATTRIBUTES, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SPAN } from './item.js';
import { compilePattern } from './patterns.js';
import type { AttributeAction, AttributeContext, AttributesStep, SettingAction } from './steps.js';
import { literalValue, type Value } from './value.js';
import type { Editor } from './walk.js';

const EVENT_ATTRIBUTES = 3;
const LINK_ATTRIBUTES = 4;
const EXEMPLAR_ATTRIBUTES = 7;
/** Where points have exemplars, by where they have their attributes: one of both tells which kind of point it is. */
const EXEMPLARS: Readonly<Record<number, number>> = { 7: 5, 9: 8, 1: 11 };

/** One KeyValue, and what has become of it so far. */
interface Entry {
  /** undefined: it was not there. */
  field: FieldPlace | undefined;
  key: string;
  isRenamed: boolean;
  /** In the place of its own. */
  value: Value | undefined;
  isGone: boolean;
}

/** `canAdd`: whether an attribute that is not there may come. */
type Act = (entries: Entry[], canAdd: boolean) => void;
type Digest = (value: Uint8Array) => string;

function digestOf(salt: string | undefined): Digest {
  const secret = salt === undefined ? undefined : createSecretKey(salt, 'utf8');
  const begin = () => (secret === undefined ? createHash('sha256') : createHmac('sha256', secret));
  return (value) => begin().update(value).digest('hex');
}

/** Of an attribute that was there. */
function givenValue({ content, stop }: FieldPlace): Value {
  const values = messagesAt(fieldsOf(content, stop), VALUE);
  const members = values.flatMap((value) => fieldsOf(value.content, value.stop));
  const last = members.at(-1);
  const message = values.map((value) => bytes.subarray(value.content, value.stop));
  const isText = last !== undefined && last.number === STRING_VALUE && isMessage(last);
  return { message, hashed: () => (isText ? bytes.subarray(last.content, last.stop) : Buffer.concat(message)) };
}

function currentValue({ value, field }: Entry): Value {
  return value ?? givenValue(field!);
}

function selectorOf({ key, pattern }: AttributeAction): (key: string) => boolean {
  return pattern === undefined ? (given) => given === key : compilePattern(pattern);
}

function compileAction(action: AttributeAction, digest: Digest): Act {
  const isMeant = selectorOf(action);
  const meant = (entries: readonly Entry[]) => entries.filter((entry) => !entry.isGone && isMeant(entry.key));
  switch (action.action) {
    case 'delete':
      return (entries) => {
        for (const entry of meant(entries)) entry.isGone = true;
      };
    case 'hash':
      return (entries) => {
        for (const entry of meant(entries)) {
          entry.value = literalValue(digest(currentValue(entry).hashed()));
        }
      };
    case 'rename':
      return (entries) => rename(entries, meant(entries), action.to!);
    default:
      return compileSetting(action.action, action);
  }
}

function compileSetting(act: SettingAction, { key, value, fromAttribute }: AttributeAction): Act {
  const literal = value === undefined ? undefined : literalValue(value);
  return (entries, canAdd) => {
    const present = entries.filter((entry) => !entry.isGone);
    const from = present.findLast((entry) => entry.key === fromAttribute);
    const set = literal ?? (from && currentValue(from));
    if (set === undefined) return;
    const there = present.filter((entry) => entry.key === key);
    if (act !== 'insert') for (const entry of there) entry.value = set;
    if (act !== 'update' && there.length === 0 && canAdd) entries.push(added(key!, set));
  };
}

function added(key: string, value: Value): Entry {
  return { field: undefined, key, isRenamed: false, value, isGone: false };
}

/** What had the new name before goes: two of one name would be told apart by nobody. */
function rename(entries: readonly Entry[], meant: readonly Entry[], to: string): void {
  if (meant.length === 0) return;
  for (const entry of entries) if (entry.key === to && !meant.includes(entry)) entry.isGone = true;
  for (const entry of meant) {
    entry.isRenamed ||= entry.key !== to;
    entry.key = to;
  }
}

/** Of one that was there. */
function madeOf({ key, isRenamed, value, isGone }: Entry, field: FieldPlace): Edit {
  if (isGone) return 'gone';
  if (!isRenamed && value === undefined) return 'same';
  const isReplaced = ({ number }: FieldPlace) =>
    (isRenamed && number === KEY) || (value !== undefined && number === VALUE);
  const others = fieldsOf(field.content, field.stop).filter((each) => !isReplaced(each));
  return [
    ...(isRenamed ? wrap(KEY, [Buffer.from(key)]) : []),
    ...others.map(({ from, stop }) => bytes.subarray(from, stop)),
    ...(value === undefined ? [] : wrap(VALUE, value.message)),
  ];
}

/** Of those that were not there, as fields of the message. */
function additionsOf(entries: readonly Entry[], attributesAt: number): Uint8Array[] {
  return entries
    .filter(({ field, isGone }) => field === undefined && !isGone)
    .flatMap(({ key, value }) =>
      wrap(attributesAt, [...wrap(KEY, [Buffer.from(key)]), ...wrap(VALUE, value!.message)]),
    );
}

function withAdditions(fields: readonly FieldPlace[], edit: Exclude<Edit, 'gone'>, additions: Uint8Array[]): Edit {
  if (additions.length === 0) return edit;
  const [first] = fields;
  const whole = first === undefined ? [] : [bytes.subarray(first.from, fields.at(-1)!.stop)];
  return [...(edit === 'same' ? whole : edit), ...additions];
}

/** Where a message has its attributes, and whether it may get more of them. */
interface AttributesPlace {
  at: number;
  canAdd: boolean;
}

type EditMessage = (fields: readonly FieldPlace[], place: AttributesPlace, inner?: Inner) => Edit;
/** What becomes of other fields of the message. */
type Inner = (field: FieldPlace) => Edit;

function compileActions({ actions, salt }: AttributesStep): EditMessage {
  const digest = digestOf(salt);
  const acts = actions.map((action) => compileAction(action, digest));
  const isInvolved = quickSelectorOf(actions);
  return (fields, { at, canAdd }, inner) => {
    const entries = messagesAt(fields, at).filter(isInvolved).map(entryOf);
    if (entries.length === 0 && !canAdd && inner === undefined) return 'same';
    for (const act of acts) act(entries, canAdd);
    const made = new Map(entries.map((entry) => [entry.field, entry]));
    const edit = edited(fields, (field) => {
      const entry = made.get(field);
      return entry ? madeOf(entry, field) : (inner?.(field) ?? 'same');
    });
    return withAdditions(fields, edit, additionsOf(entries, at));
  };
}

/** Whether an attribute is one that any of the actions has to do with, before or after it was renamed. */
function quickSelectorOf(actions: readonly AttributeAction[]): (keyValue: FieldPlace) => boolean {
  if (actions.some(({ pattern }) => pattern !== undefined)) return () => true;
  const keys = actions.flatMap(({ key, to, fromAttribute }) => {
    return [key, to, fromAttribute].filter((each) => each !== undefined);
  });
  const wanted = [...new Set(keys)].map((key) => Buffer.from(key));
  return (keyValue) => wanted.some((key) => hasKey(keyValue, key));
}

function entryOf(field: FieldPlace): Entry {
  return { field, key: keyOf(field), isRenamed: false, value: undefined, isGone: false };
}

/** No field has this number: a message whose own attributes stay. */
const NOWHERE: AttributesPlace = { at: 0, canAdd: false };

const CONTEXTS: readonly AttributeContext[] = ['span', 'event', 'link', 'log', 'datapoint'];
/** What is inserted says something of an item, and would say it again with each of its events. */
const ADDED_TO: readonly AttributeContext[] = ['span', 'log', 'datapoint'];

export function compileAttributes(step: AttributesStep): Editor {
  const editMessage = compileActions(step);
  const { contexts = CONTEXTS, contexts: addedTo = ADDED_TO } = step;
  const isAdding = step.actions.some(({ action }) => action === 'insert' || action === 'upsert');
  const placeIn = (context: AttributeContext, at: number): AttributesPlace =>
    contexts.includes(context) ? { at, canAdd: isAdding && addedTo.includes(context) } : NOWHERE;
  const inner = (number: number, place: AttributesPlace) => (field: FieldPlace) =>
    field.number === number && isMessage(field) && place !== NOWHERE
      ? editMessage(fieldsOf(field.content, field.stop), place)
      : 'same';
  const event = inner(SPAN.events, placeIn('event', EVENT_ATTRIBUTES));
  const link = inner(SPAN.links, placeIn('link', LINK_ATTRIBUTES));
  const span = placeIn('span', SPAN.attributes);
  const editSpan = ({ fields }: Item) =>
    editMessage(fields, span, (field) => (field.number === SPAN.events ? event(field) : link(field)));
  const log = placeIn('log', LOG_ATTRIBUTES);
  const editLog = ({ fields }: Item) => editMessage(fields, log);
  const editPoint = ({ fields, attributesAt }: Item) => {
    const point = placeIn('datapoint', attributesAt);
    if (point === NOWHERE) return 'same';
    return editMessage(fields, point, inner(EXEMPLARS[attributesAt]!, { at: EXEMPLAR_ATTRIBUTES, canAdd: false }));
  };
  const ofSignal = { traces: editSpan, logs: editLog, metrics: editPoint };
  const resource = placeIn('resource', RESOURCE_ATTRIBUTES);
  const scope = placeIn('scope', SCOPE_ATTRIBUTES);
  return {
    ...(resource !== NOWHERE && { resource: (fields) => editMessage(fields, resource) }),
    ...(scope !== NOWHERE && { scope: (fields) => editMessage(fields, scope) }),
    item: (item) => ofSignal[item.signal](item),
  };
}

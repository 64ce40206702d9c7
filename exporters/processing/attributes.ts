/** Attributes that go, get another name, or are told by their hash alone. */
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { bytes } from '../../src/otlp/wire.js';
import { type Edit, edited, type FieldPlace, fieldsOf, isMessage, wrap } from '../wire-fields.js';
import { hasKey, KEY, keyOf, messagesAt, STRING_VALUE, VALUE } from './attribute.js';
import { type Item, LOG_ATTRIBUTES, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SPAN } from './item.js';
import { compilePattern } from './patterns.js';
import type { AttributeAction, AttributeContext, AttributesStep } from './steps.js';
import type { Editor } from './walk.js';

const EVENT_ATTRIBUTES = 3;
const LINK_ATTRIBUTES = 4;
const EXEMPLAR_ATTRIBUTES = 7;
/** Where points have exemplars, by where they have their attributes: one of both tells which kind of point it is. */
const EXEMPLARS: Readonly<Record<number, number>> = { 7: 5, 9: 8, 1: 11 };

/** One KeyValue, and what has become of it so far. */
interface Entry {
  field: FieldPlace;
  key: string;
  isRenamed: boolean;
  hash: string | undefined;
  isGone: boolean;
}

type Act = (entries: readonly Entry[]) => void;
type Digest = (value: Uint8Array) => string;

function digestOf(salt: string | undefined): Digest {
  const secret = salt === undefined ? undefined : createSecretKey(salt, 'utf8');
  const begin = () => (secret === undefined ? createHash('sha256') : createHmac('sha256', secret));
  return (value) => begin().update(value).digest('hex');
}

/** A text's own bytes, and of what is no text those by which protobuf tells it. */
function valueBytes({ content, stop }: FieldPlace): Uint8Array {
  const values = messagesAt(fieldsOf(content, stop), VALUE);
  const members = values.flatMap((value) => fieldsOf(value.content, value.stop));
  const last = members.at(-1);
  const isText = last !== undefined && last.number === STRING_VALUE && isMessage(last);
  if (isText) return bytes.subarray(last.content, last.stop);
  return Buffer.concat(values.map((value) => bytes.subarray(value.content, value.stop)));
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
          entry.hash = digest(entry.hash === undefined ? valueBytes(entry.field) : Buffer.from(entry.hash));
        }
      };
    case 'rename':
      return (entries) => rename(entries, meant(entries), action.to!);
  }
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

function madeOf({ field, key, isRenamed, hash, isGone }: Entry): Edit {
  if (isGone) return 'gone';
  if (!isRenamed && hash === undefined) return 'same';
  const isReplaced = ({ number }: FieldPlace) =>
    (isRenamed && number === KEY) || (hash !== undefined && number === VALUE);
  const others = fieldsOf(field.content, field.stop).filter((each) => !isReplaced(each));
  return [
    ...(isRenamed ? wrap(KEY, [Buffer.from(key)]) : []),
    ...others.map(({ from, stop }) => bytes.subarray(from, stop)),
    ...(hash === undefined ? [] : wrap(VALUE, wrap(STRING_VALUE, [Buffer.from(hash)]))),
  ];
}

type EditMessage = (fields: readonly FieldPlace[], attributesAt: number, inner?: Inner) => Edit;
/** What becomes of other fields of the message. */
type Inner = (field: FieldPlace) => Edit;

function compileActions({ actions, salt }: AttributesStep): EditMessage {
  const digest = digestOf(salt);
  const acts = actions.map((action) => compileAction(action, digest));
  const isInvolved = quickSelectorOf(actions);
  return (fields, attributesAt, inner) => {
    const entries = messagesAt(fields, attributesAt).filter(isInvolved).map(entryOf);
    if (entries.length === 0 && inner === undefined) return 'same';
    for (const act of acts) act(entries);
    const made = new Map(entries.map((entry) => [entry.field, entry]));
    return edited(fields, (field) => {
      const entry = made.get(field);
      return entry ? madeOf(entry) : (inner?.(field) ?? 'same');
    });
  };
}

/** Whether an attribute is one that any of the actions has to do with, before or after it was renamed. */
function quickSelectorOf(actions: readonly AttributeAction[]): (keyValue: FieldPlace) => boolean {
  if (actions.some(({ pattern }) => pattern !== undefined)) return () => true;
  const keys = actions.flatMap(({ key, to }) => [key, to].filter((each) => each !== undefined));
  const wanted = [...new Set(keys)].map((key) => Buffer.from(key));
  return (keyValue) => wanted.some((key) => hasKey(keyValue, key));
}

function entryOf(field: FieldPlace): Entry {
  return { field, key: keyOf(field), isRenamed: false, hash: undefined, isGone: false };
}

/** No field has this number: a message whose own attributes stay. */
const NOWHERE = 0;

export function compileAttributes(step: AttributesStep): Editor {
  const editMessage = compileActions(step);
  const has = (context: AttributeContext) => step.contexts.includes(context);
  const numberIn = (context: AttributeContext, number: number) => (has(context) ? number : NOWHERE);
  const inner = (number: number, attributesAt: number) => (field: FieldPlace) =>
    field.number === number && isMessage(field)
      ? editMessage(fieldsOf(field.content, field.stop), attributesAt)
      : 'same';
  const event = has('event') ? inner(SPAN.events, EVENT_ATTRIBUTES) : () => 'same' as const;
  const link = has('link') ? inner(SPAN.links, LINK_ATTRIBUTES) : () => 'same' as const;
  const editSpan = ({ fields }: Item) =>
    editMessage(fields, numberIn('span', SPAN.attributes), (field) => {
      return field.number === SPAN.events ? event(field) : link(field);
    });
  const editLog = ({ fields }: Item) => editMessage(fields, numberIn('log', LOG_ATTRIBUTES));
  const editPoint = ({ fields, attributesAt }: Item) =>
    has('datapoint') ? editMessage(fields, attributesAt, inner(EXEMPLARS[attributesAt]!, EXEMPLAR_ATTRIBUTES)) : 'same';
  const ofSignal = { traces: editSpan, logs: editLog, metrics: editPoint };
  return {
    ...(has('resource') && { resource: (fields) => editMessage(fields, RESOURCE_ATTRIBUTES) }),
    ...(has('scope') && { scope: (fields) => editMessage(fields, SCOPE_ATTRIBUTES) }),
    item: (item) => ofSignal[item.signal](item),
  };
}

/**
 * Mustache templates as clients of this API write them: nothing is escaped, lambdas are empty. Parsed once, by the
 * library; rendered here, where the length of the outcome has a bound and no name reaches beyond what was sent.
 */
import mustache from 'mustache';

/** Broken: the message says where, as characters from the start of the text. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export type Token = readonly [
  type: string,
  value: string,
  start: number,
  end: number,
  /** The tokens of a section; the indentation of a partial. */
  inner?: Token[] | string,
  close?: number | undefined,
];
export type Template = readonly Token[];

/** The library's expressions go back and forth over spaces in a tag: a tag as long as this costs them nothing. */
const MAX_TAG_CHARACTERS = 256;
const MAX_TAGS = 10_000;
const MAX_DEPTH = 32;
const NEW_DELIMITERS = /^=\s*(\S+)\s+(\S+)\s*=$/;

/** No cache of its own, which has no bound. */
const parser = new mustache.Writer();
(parser as unknown as { templateCache: undefined }).templateCache = undefined;

/** Throws a TemplateError. */
export function parseTemplate(text: string): Template {
  if (!text.includes('{{')) return text === '' ? [] : [['text', text, 0, text.length]];
  checkTags(text);
  const tokens = parse(text);
  checkDepth(tokens, MAX_DEPTH);
  return withIndentation(tokens, text);
}

/**
 * The spaces before a partial that has a line to itself stand before each line of what it includes (mustache(5),
 * "Partials"). The library keeps them for tags that have not, too.
 */
function withIndentation(tokens: Template, text: string): Template {
  return tokens.map((token) => {
    const [type, value, start, end, inner, close] = token;
    if (type === '>') return [type, value, start, end, indentationAt(text, start, end)];
    if (type !== '#' && type !== '^') return token;
    return [type, value, start, end, withIndentation(inner as Token[], text) as Token[], close];
  });
}

function indentationAt(text: string, start: number, end: number): string {
  // A line of spaces can be longer than all that is in it: only so much is looked at.
  const before = text.slice(Math.max(0, start - MAX_TAG_CHARACTERS), start);
  const after = text.slice(end, end + MAX_TAG_CHARACTERS);
  const begins = before.length === start || before.includes('\n');
  const indentation = before.slice(before.lastIndexOf('\n') + 1);
  const alone = begins && indentation.trim() === '' && after.split('\n', 1)[0]!.trim() === '';
  return alone ? indentation : '';
}

export interface Partial {
  readonly reference: string;
  /** Characters from the start of the text. */
  readonly start: number;
}

/** What a template includes, in the order of its text. */
export function partialsOf(tokens: Template): Partial[] {
  return tokens.flatMap(([type, value, start, , inner]) => {
    if (type === '>') return [{ reference: value, start }];
    return type === '#' || type === '^' ? partialsOf(inner as Token[]) : [];
  });
}

/** Before each line that has anything in it. */
function indent(text: string, indentation: string): string {
  return indentation === '' ? text : text.replaceAll(/^(?=[^\n])/gm, indentation);
}

function parse(text: string): Template {
  try {
    return parser.parse(text) as unknown as Token[];
  } catch (error) {
    throw new TemplateError((error as Error).message);
  }
}

/** Goes from tag to tag as the library will, in one pass. */
function checkTags(text: string): void {
  let [open, close] = ['{{', '}}'];
  let tags = 0;
  for (let start = text.indexOf(open); start !== -1; start = text.indexOf(open, start)) {
    if (++tags > MAX_TAGS) throw new TemplateError(`More than ${MAX_TAGS} tags at ${start}`);
    const inside = skipSpace(text, start + open.length);
    const end = text[inside] === '{' ? `}${close}` : close;
    const stop = text.indexOf(end, inside);
    if (stop === -1) throw new TemplateError(`Unclosed tag at ${start}`);
    const body = text.slice(inside, stop);
    checkLength(body, start);
    if (body.startsWith('=')) [open, close] = newDelimiters(body, start);
    start = stop + end.length;
  }
}

/** A comment may be as long as it likes, but for its spaces. */
function checkLength(body: string, start: number): void {
  const counted = body.startsWith('!') ? longestSpace(body) : body.length;
  if (counted > MAX_TAG_CHARACTERS) {
    throw new TemplateError(`Tag of more than ${MAX_TAG_CHARACTERS} characters at ${start}`);
  }
}

function longestSpace(text: string): number {
  let longest = 0;
  let run = 0;
  for (let at = 0; at < text.length; at++) {
    run = /\s/.test(text[at]!) ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at]!)) at++;
  return at;
}

function newDelimiters(body: string, start: number): [string, string] {
  const [, open, close] = NEW_DELIMITERS.exec(body) ?? [];
  if (open === undefined || close === undefined) throw new TemplateError(`Invalid delimiters at ${start}`);
  return [open, close];
}

function checkDepth(tokens: Template, left: number): void {
  for (const [type, , start, , inner] of tokens) {
    if (type !== '#' && type !== '^') continue;
    if (left === 0) throw new TemplateError(`Sections nested more than ${MAX_DEPTH} deep at ${start}`);
    checkDepth(inner as Token[], left - 1);
  }
}

/** How much rendering may still write and do: both have an end, whatever the template and the values are. */
export class RenderBudget {
  constructor(
    private characters = 4 * 2 ** 20,
    private steps = 500_000,
  ) {}

  step(): void {
    if (--this.steps < 0) throw new TemplateError('Rendering takes too many steps');
  }

  spend(text: string): string {
    this.characters -= text.length;
    if (this.characters < 0) throw new TemplateError('The rendered prompt is too long');
    return text;
  }
}

/** What a partial stands for. */
export interface PartialText {
  text: string;
  /** undefined for text that is no template. */
  template: Template | undefined;
}

/** undefined for a reference that stands for nothing. */
export type Partials = (reference: string) => PartialText | undefined;

export interface Rendering {
  budget: RenderBudget;
  partials: Partials;
  /** By indentation and reference: what was parsed once is not parsed in each round of a section. */
  indented: Map<string, Template>;
}

export function render(
  template: Template,
  variables: unknown,
  budget = new RenderBudget(),
  partials: Partials = () => undefined,
): string {
  return renderAll(template, [variables], { budget, partials, indented: new Map() });
}

function renderAll(tokens: Template, scopes: readonly unknown[], rendering: Rendering): string {
  let text = '';
  for (const token of tokens) text += renderOne(token, scopes, rendering);
  return text;
}

function renderOne([type, name, , , inner]: Token, scopes: readonly unknown[], rendering: Rendering): string {
  const { budget } = rendering;
  budget.step();
  switch (type) {
    case 'text':
      return budget.spend(name);
    case 'name':
    case '&':
    case '{':
      return budget.spend(textOf(lookUp(name, scopes, budget)));
    case '#':
      return renderSection(inner as Token[], lookUp(name, scopes, budget), scopes, rendering);
    case '^':
      return isEmpty(lookUp(name, scopes, budget)) ? renderAll(inner as Token[], scopes, rendering) : '';
    case '>':
      return renderAll(partialOf(name, inner as string, rendering), scopes, rendering);
    default:
      return '';
  }
}

/** Lines that are indented are another text: its parsing is paid for like its writing. */
export function partialOf(reference: string, indentation: string, { budget, partials, indented }: Rendering): Template {
  const key = `${indentation}${reference}`;
  const known = indented.get(key);
  if (known) return known;
  const partial = partials(reference);
  if (!partial) return [];
  const text = indent(partial.text, indentation);
  const parsed = indentation === '' ? partial.template : partial.template && parseTemplate(budget.spend(text));
  const template = parsed ?? [['text', text, 0, text.length] as const];
  indented.set(key, template);
  return template;
}

function renderSection(inner: Template, value: unknown, scopes: readonly unknown[], rendering: Rendering): string {
  if (isEmpty(value)) return '';
  if (value === true) return renderAll(inner, scopes, rendering);
  if (!Array.isArray(value)) return renderAll(inner, [...scopes, value], rendering);
  let text = '';
  for (const item of value) {
    rendering.budget.step();
    text += renderAll(inner, [...scopes, item], rendering);
  }
  return text;
}

function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(textOf).join(',');
  // Never what a member called toString would make of it.
  return typeof value === 'object' ? '[object Object]' : String(value);
}

/** A dotted name is found by its first part, from the innermost scope outwards; the rest must be in there. */
function lookUp(name: string, scopes: readonly unknown[], budget: RenderBudget): unknown {
  if (name === '.') return scopes.at(-1);
  const [first, ...rest] = name.split('.');
  const scope = scopes.findLast((each) => {
    budget.step();
    return has(each, first!);
  });
  return rest.reduce(member, member(scope, first!));
}

function has(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}

function member(value: unknown, name: string): unknown {
  return has(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

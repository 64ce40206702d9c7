/** A version that is ready to be served: read, parsed, and its templates made out. Never changed. */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { GatewayError } from '../errors.js';
import { promptHashOf } from '../model/prompt-hash.js';
import { type Include, readReference } from './include.js';
import { inlined } from './inlining.js';
import { type Prompt, type PromptText, textsOf, withTexts } from './prompt.js';
import {
  type Partials,
  parseTemplate,
  partialsOf,
  RenderBudget,
  render,
  type Template,
  TemplateError,
} from './template.js';
import type { Declarations, Variables } from './variables.js';

/** A prompt as it is handed out. */
export interface Rendered {
  /** Of a compiled prompt: with its placeholders. */
  readonly json: string;
  /** Of its first text: what calls that are made with it are recognised by. */
  readonly textHash: string;
}

export interface CompiledPrompt extends Rendered {
  readonly prompt: Prompt;
  /** What of that is around and between its texts: one more than there are of these. */
  readonly frame: readonly string[];
  /** All its texts, in their order. */
  readonly texts: readonly string[];
  /** One for each text; undefined for those that are never rendered. */
  readonly templates: readonly (Template | undefined)[];
  readonly required: readonly string[];
  /** Other prompts in its texts, each once. */
  readonly includes: readonly Include[];
}

/** Text that is parsed before others get their turn. */
const CHARACTERS_PER_TURN = 50_000;
const MAX_INCLUDES = 50;

/** What is wrong with the templates of this prompt, in the words of a validation error. */
export async function faultsOf(prompt: Prompt): Promise<string[]> {
  const faults: string[] = [];
  await eachText(prompt, (text) => {
    try {
      for (const { reference, start } of partialsOf(parseText(text) ?? [])) readReference(reference, start);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push(`"${text.path}" is no valid template: ${error.message}`);
    }
  });
  return faults;
}

/** Throws a TemplateError. */
export async function compile(prompt: Prompt): Promise<CompiledPrompt> {
  const templates: (Template | undefined)[] = [];
  await eachText(prompt, (text) => void templates.push(parseText(text)));
  const variables = Object.entries(prompt.variables ?? {});
  const required = variables.filter(([, variable]) => variable.required).map(([name]) => name);
  const texts = textsOf(prompt).map(({ text }) => text);
  const [json, frame] = [JSON.stringify(prompt), frameOf(prompt, texts)];
  const textHash = promptHashOf(texts[0]!);
  return { prompt, json, textHash, frame, texts, templates, required, includes: includesOf(templates) };
}

/** To render a prompt then takes writing its texts alone. */
function frameOf(prompt: Prompt, texts: readonly string[]): string[] {
  const mark = randomUUID();
  return JSON.stringify(withTexts(prompt, Array<string>(texts.length).fill(mark))).split(`"${mark}"`);
}

function parseText({ text, rendered }: PromptText): Template | undefined {
  return rendered ? parseTemplate(text) : undefined;
}

function includesOf(templates: readonly (Template | undefined)[]): Include[] {
  const includes = new Map<string, Include>();
  for (const { reference, start } of templates.flatMap((template) => partialsOf(template ?? []))) {
    if (!includes.has(reference)) includes.set(reference, readReference(reference, start));
  }
  if (includes.size > MAX_INCLUDES) throw new TemplateError(`More than ${MAX_INCLUDES} other prompts are included`);
  return [...includes.values()];
}

async function eachText(prompt: Prompt, work: (text: PromptText) => void): Promise<void> {
  let characters = 0;
  for (const text of textsOf(prompt)) {
    work(text);
    characters += text.text.length;
    if (characters <= CHARACTERS_PER_TURN) continue;
    characters = 0;
    await turn();
  }
}

/** What a prompt is rendered with, beside its variables, when it includes others. */
export interface Included {
  readonly partials: Partials;
  /** Variables of all parts; where several declare one, the outermost has the say. */
  readonly declarations: Declarations;
  /** What is put in, in an order that is the same for the same. */
  readonly sources: readonly CompiledPrompt[];
}

/**
 * Without any variable, and none required, the placeholders stay. Throws BAD_REQUEST when a required
 * one is missing: its name must be there, whatever its value.
 */
export function renderPrompt(compiled: CompiledPrompt, variables: Variables, included?: Included): Rendered {
  const missing = requiredOf(compiled, included).filter((name) => !Object.hasOwn(variables, name));
  if (missing.length > 0) throw new GatewayError('BAD_REQUEST', `Missing required variables: ${missing.join(', ')}`);
  if (Object.keys(variables).length === 0) return placeholdersOf(compiled, included);
  return renderWith(compiled, variables, included);
}

function requiredOf({ required }: CompiledPrompt, included: Included | undefined): readonly string[] {
  if (!included) return required;
  return Object.entries(included.declarations).flatMap(([name, declaration]) => (declaration.required ? [name] : []));
}

/** The last one of each: written anew when a part of it is another version. */
const composed = new WeakMap<CompiledPrompt, { sources: readonly CompiledPrompt[]; rendered: Rendered }>();

/** With its placeholders, and with what it includes in its place. Throws as `renderWith`. */
export function placeholdersOf(compiled: CompiledPrompt, included?: Included): Rendered {
  if (!included) return compiled;
  const known = composed.get(compiled);
  if (known && isSame(known.sources, included.sources)) return known.rendered;
  const rendered = renderComposed(compiled, included);
  composed.set(compiled, { sources: included.sources, rendered });
  return rendered;
}

function isSame(some: readonly CompiledPrompt[], others: readonly CompiledPrompt[]): boolean {
  return some.length === others.length && some.every((source, at) => source === others[at]);
}

/** Declared is whatever any of its parts declares. */
function renderComposed({ prompt, texts, templates }: CompiledPrompt, { partials, declarations }: Included): Rendered {
  const rendering = { budget: new RenderBudget(), partials, indented: new Map() };
  const whole = texts.map((text, at) => {
    const template = templates[at];
    const includes = template !== undefined && partialsOf(template).length > 0;
    return includes ? withFaultsTold(() => inlined(template, rendering)) : text;
  });
  const variables = Object.keys(declarations).length > 0 ? { variables: declarations } : {};
  const json = JSON.stringify({ ...withTexts(prompt, whole), ...variables });
  return { json, textHash: promptHashOf(whole[0]!) };
}

/** Its texts rendered whatever the variables are. Throws VALIDATION_FAILED when that has no end. */
export function renderWith(compiled: CompiledPrompt, variables: Variables, included?: Included): Rendered {
  const { frame, texts, templates } = compiled;
  const budget = new RenderBudget();
  const rendered = texts.map((text, at) => {
    const template = templates[at];
    return template ? withFaultsTold(() => render(template, variables, budget, included?.partials)) : text;
  });
  const json = rendered.reduce((all, text, at) => all + JSON.stringify(text) + frame[at + 1]!, frame[0]!);
  return { json, textHash: rendered[0] === texts[0] ? compiled.textHash : promptHashOf(rendered[0]!) };
}

function withFaultsTold(write: () => string): string {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: [error.message] } });
  }
}

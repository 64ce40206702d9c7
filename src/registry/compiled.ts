/** A version that is ready to be served: read, parsed, and its templates made out. Never changed. */
import { setImmediate as turn } from 'node:timers/promises';
import { GatewayError } from '../errors.js';
import type { Message, Prompt } from './prompt.js';
import { parseTemplate, RenderBudget, render, type Template, TemplateError } from './template.js';

export interface CompiledPrompt {
  readonly prompt: Prompt;
  /** The prompt as JSON, with its placeholders. */
  readonly json: string;
  /** One for each message; undefined for those that are never rendered. */
  readonly templates: readonly (Template | undefined)[];
  readonly required: readonly string[];
}

/** Text that is parsed before others get their turn. */
const CHARACTERS_PER_TURN = 50_000;

/** What is wrong with the templates of these messages, in the words of a validation error. */
export async function faultsOf(messages: readonly Message[]): Promise<string[]> {
  const faults: string[] = [];
  await eachTemplate(messages, (message, at) => {
    try {
      parseMessage(message);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      faults.push(`"messages.${at}.content" is no valid template: ${error.message}`);
    }
  });
  return faults;
}

/** Throws a TemplateError. */
export async function compile(prompt: Prompt): Promise<CompiledPrompt> {
  const templates: (Template | undefined)[] = [];
  await eachTemplate(prompt.messages, (message) => void templates.push(parseMessage(message)));
  const variables = Object.entries(prompt.variables ?? {});
  const required = variables.filter(([, variable]) => variable.required).map(([name]) => name);
  return { prompt, json: JSON.stringify(prompt), templates, required };
}

function parseMessage({ role, content }: Message): Template | undefined {
  return role === 'assistant' ? undefined : parseTemplate(content);
}

async function eachTemplate(messages: readonly Message[], work: (message: Message, at: number) => void): Promise<void> {
  let characters = 0;
  for (const [at, message] of messages.entries()) {
    work(message, at);
    characters += message.content.length;
    if (characters <= CHARACTERS_PER_TURN) continue;
    characters = 0;
    await turn();
  }
}

export type Variables = Readonly<Record<string, unknown>>;

/**
 * The prompt as JSON. Without any variable, and none required, the placeholders stay. Throws BAD_REQUEST when a required
 * one is missing: its name must be there, whatever its value.
 */
export function renderPrompt(compiled: CompiledPrompt, variables: Variables): string {
  const missing = compiled.required.filter((name) => !Object.hasOwn(variables, name));
  if (missing.length > 0) throw new GatewayError('BAD_REQUEST', `Missing required variables: ${missing.join(', ')}`);
  if (Object.keys(variables).length === 0) return compiled.json;
  return JSON.stringify({ ...compiled.prompt, messages: renderMessages(compiled, variables) });
}

function renderMessages({ prompt, templates }: CompiledPrompt, variables: Variables): Message[] {
  const budget = new RenderBudget();
  return prompt.messages.map((message, at) => {
    const template = templates[at];
    return template ? { ...message, content: renderWithin(template, variables, budget) } : message;
  });
}

function renderWithin(template: Template, variables: Variables, budget: RenderBudget): string {
  try {
    return render(template, variables, budget);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: [error.message] } });
  }
}

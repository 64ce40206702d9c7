/** A prompt as clients write it, and as it stands in the content store. */
import { z } from 'zod';
import { MAX_SEARCHED_CHARACTERS } from '../store/control/prompt-texts.js';
import type { PromptKey } from '../store/control/prompt-version.js';
import { isPromptName } from './paths.js';
import { isVersion } from './version.js';

/** Told as a sentence of its own, as clients know it. */
const SENTENCE = { sentence: true } as const;
/** Paths of the API that are no prompts: a prompt of that name could not be read. */
const RESERVED_NAMES: readonly string[] = ['search', 'count'];

function numberOf(given: unknown): unknown {
  return typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
}

/** Numbers and flags may come as text. */
const number = (min: number, max: number) => z.preprocess(numberOf, z.number().min(min).max(max)).optional();
const flag = z.preprocess((given) => (given === 'true' ? true : given === 'false' ? false : given), z.boolean());

const MAX_MESSAGES = 10_000;
const MAX_VARIABLES = 10_000;
const MAX_TAGS = 20;

function sizeOf(given: unknown): number {
  if (Array.isArray(given)) return given.length;
  return typeof given === 'object' && given !== null ? Object.keys(given).length : 0;
}

/** Elements are judged when they are few enough: a body has room for millions, and memory none for a fault of each. */
function atMost<Schema extends z.ZodType>(max: number, schema: Schema) {
  return z.preprocess((given, context) => {
    if (sizeOf(given) <= max) return given;
    context.addIssue({ code: 'custom', message: `must contain less than or equal to ${max} items` });
    return z.NEVER;
  }, schema);
}

const nameField = z
  .string()
  .min(1)
  .max(128)
  .refine((name) => name === '' || name.length > 128 || isPromptName(name), {
    error: 'name must contain only letters, numbers, hyphens, and underscores',
    params: SENTENCE,
  })
  .refine((name) => !RESERVED_NAMES.includes(name), {
    error: `name must not be one of: ${RESERVED_NAMES.join(', ')}`,
    params: SENTENCE,
  });

const versionField = z.string().refine(isVersion, {
  error: 'version must be semantic (e.g., 1.0.0)',
  params: SENTENCE,
});

const textSchema = z.string().min(1).max(100_000);

const messageSchema = z.looseObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: textSchema,
  name: z.string().max(64).optional(),
});

const variableSchema = z.strictObject({
  type: z.enum(['string', 'number', 'boolean', 'array', 'object']),
  required: flag.default(false),
  default: z.unknown().optional(),
});

const modelConfigSchema = z.looseObject({
  model: z.string().optional(),
  temperature: number(0, 2),
  max_tokens: z.preprocess(numberOf, z.number().int().min(1)).optional(),
  top_p: number(0, 1),
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
});

const ollamaSchema = z.looseObject({
  options: z.record(z.string(), z.unknown()).optional(),
  keep_alive: z.string().max(16).optional(),
  format: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
});

/** What is not named here is kept as it came. */
const promptFields = z.looseObject({
  name: nameField,
  version: versionField,
  type: z.unknown().optional().meta({ description: '`text`: a prompt of one text, without messages', type: 'string' }),
  messages: atMost(MAX_MESSAGES, z.array(messageSchema).min(1).max(MAX_MESSAGES)).optional(),
  content: z.unknown().optional().meta({ description: 'Of a text prompt, at most 100,000 characters', type: 'string' }),
  variables: atMost(MAX_VARIABLES, z.record(z.string(), variableSchema)).optional(),
  model_config: modelConfigSchema.optional(),
  ollama: ollamaSchema.optional(),
  tags: atMost(MAX_TAGS, z.array(z.string().max(64)).max(MAX_TAGS)).optional(),
  author: z.string().max(128).optional().meta({ description: 'Of the commit; the name of the key when absent' }),
  commit_message: z.string().max(4_096).optional().meta({ description: 'Of the commit' }),
});

type Fields = z.infer<typeof promptFields>;

/** Any prompt may have members of these names: only together they make it one of text. */
function isText({ type, messages }: Fields): boolean {
  return type === 'text' && messages === undefined;
}

/** Beside whatever else is wrong, unless that is it. */
const unlessJudged = (member: string) => ({
  path: [member],
  when: ({ value, issues }: z.core.ParsePayload) =>
    typeof value === 'object' && value !== null && !issues.some(({ path }) => path?.[0] === member),
});

export const promptSchema = promptFields
  .refine((prompt) => isText(prompt) || prompt.messages !== undefined, {
    error: 'is required',
    ...unlessJudged('messages'),
  })
  .refine((prompt) => !isText(prompt) || textSchema.safeParse(prompt.content).success, {
    error: 'must be a text of 1 to 100000 characters',
    ...unlessJudged('content'),
  });

export type Prompt = z.infer<typeof promptSchema>;
export type Message = NonNullable<Prompt['messages']>[number];

/** A text of a prompt. */
export interface PromptText {
  /** Where in the prompt, as validation errors name it. */
  path: string;
  text: string;
  /** Whether it is a template: what an assistant said is not. */
  rendered: boolean;
}

export function textsOf(prompt: Prompt): PromptText[] {
  const { messages } = prompt;
  if (messages === undefined) return [{ path: 'content', text: prompt.content as string, rendered: true }];
  return messages.map(({ role, content }, at) => ({
    path: `messages.${at}.content`,
    text: content,
    rendered: role !== 'assistant',
  }));
}

/** What calls to a model begin with that are made with it. */
export function firstTextOf(prompt: Prompt): string {
  return textsOf(prompt)[0]!.text;
}

/** The prompt with other texts in the places of its own, in their order. */
export function withTexts(prompt: Prompt, texts: readonly string[]): Prompt {
  const { messages } = prompt;
  if (messages === undefined) return { ...prompt, content: texts[0] };
  return { ...prompt, messages: messages.map((message, at) => ({ ...message, content: texts[at]! })) };
}

/** The text of its file. */
export function writePrompt(prompt: Prompt): string {
  return `${JSON.stringify(prompt, null, 2)}\n`;
}

/** The text of a file that anybody may have written. Throws an error that says what is wrong with it. */
export function readPrompt(text: string, { name, version }: PromptKey): Prompt {
  const parsed = promptSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  if (parsed.data.name !== name || parsed.data.version !== version) {
    throw new Error(`It says that it is ${parsed.data.name} ${parsed.data.version}`);
  }
  return parsed.data;
}

/** What is searched, but for its name and tags. */
export function searchTextOf(prompt: Prompt): string {
  return textsOf(prompt)
    .map(({ text }) => text)
    .join('\n')
    .slice(0, MAX_SEARCHED_CHARACTERS);
}

/** A prompt as clients write it, and as it stands in the content store. */
import { z } from 'zod';
import type { PromptKey } from '../store/control/prompts.js';
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

const messageSchema = z.looseObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string().min(1).max(100_000),
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
export const promptSchema = z.looseObject({
  name: nameField,
  version: versionField,
  messages: atMost(MAX_MESSAGES, z.array(messageSchema).min(1).max(MAX_MESSAGES)),
  variables: atMost(MAX_VARIABLES, z.record(z.string(), variableSchema)).optional(),
  model_config: modelConfigSchema.optional(),
  ollama: ollamaSchema.optional(),
  tags: atMost(MAX_TAGS, z.array(z.string().max(64)).max(MAX_TAGS)).optional(),
  author: z.string().max(128).optional().meta({ description: 'Of the commit; the name of the key when absent' }),
  commit_message: z.string().max(4_096).optional().meta({ description: 'Of the commit' }),
});

export type Prompt = z.infer<typeof promptSchema>;
export type Message = Prompt['messages'][number];

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

/** Versions of prompts in whole, for gateways whose content store is this database. Written once, never changed. */
import type { Kysely, Selectable } from 'kysely';
import { withoutNul } from '../../model/nul.js';
import { createInstallation } from './installation.js';
import type { PromptKey } from './prompt-version.js';
import type { ControlSchema, PromptContentTable } from './schema.js';

export interface NewPromptContent extends PromptKey {
  content: string;
  author: string;
  message: string;
  /** Milliseconds since the epoch. */
  timeUnixMs: number;
}

export interface PromptContent extends Omit<NewPromptContent, 'content'> {
  /** In the order in which they were committed: what comes later has a higher one. */
  sequence: number;
}

export interface PromptContents {
  /** In a transaction. False, and nothing is written, when there is one of that key. */
  add(content: NewPromptContent): Promise<boolean>;
  text(key: PromptKey): Promise<string | undefined>;
  exists(key: PromptKey): Promise<boolean>;
  /** Of the one that was committed last; 0 before the first. */
  lastSequence(): Promise<number>;
  /** Behind the first sequence, up to the second; without their text. */
  list(after: number, upTo: number): Promise<PromptContent[]>;
}

/** Held to the end of a transaction: sequences become visible in their order, none is overtaken. */
const LOCK = 'prompt_contents_lock';
const KEY = ['workspace_id', 'name', 'version_tag'] as const;
const COLUMNS = ['sequence', ...KEY, 'author', 'message', 'time_unix_ms'] as const;

type Row = Pick<Selectable<PromptContentTable>, (typeof COLUMNS)[number]>;

export function createPromptContents(db: Kysely<ControlSchema>): PromptContents {
  const installation = createInstallation(db);
  const of = ({ workspace, name, version }: PromptKey) =>
    db
      .selectFrom('prompt_contents')
      .where('workspace_id', '=', workspace)
      .where('name', '=', name)
      .where('version_tag', '=', version);
  const lastSequence = async () => {
    const last = db.selectFrom('prompt_contents').select((e) => e.fn.max('sequence').as('last'));
    return Number((await last.executeTakeFirstOrThrow()).last ?? 0);
  };
  return {
    async add(content) {
      await installation.hold(LOCK, '');
      const insert = db.insertInto('prompt_contents').values(newRow(content, (await lastSequence()) + 1));
      const once = insert.onConflict((conflict) => conflict.columns([...KEY]).doNothing());
      return Boolean((await once.executeTakeFirst()).numInsertedOrUpdatedRows);
    },
    text: async (key) => (await of(key).select('content').executeTakeFirst())?.content,
    exists: async (key) => (await of(key).select('sequence').executeTakeFirst()) !== undefined,
    lastSequence,
    async list(after, upTo) {
      const rows = db.selectFrom('prompt_contents').select(COLUMNS).where('sequence', '>', after);
      return (await rows.where('sequence', '<=', upTo).orderBy('sequence').execute()).map(fromRow);
    },
  };
}

function newRow(
  { workspace, name, version, content, author, message, timeUnixMs }: NewPromptContent,
  sequence: number,
) {
  return {
    sequence,
    workspace_id: workspace,
    name,
    version_tag: version,
    content,
    author: withoutNul(author),
    message: withoutNul(message),
    time_unix_ms: timeUnixMs,
  };
}

function fromRow(row: Row): PromptContent {
  return {
    sequence: row.sequence,
    workspace: row.workspace_id,
    name: row.name,
    version: row.version_tag,
    author: row.author,
    message: row.message,
    timeUnixMs: row.time_unix_ms,
  };
}

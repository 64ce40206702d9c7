/**
 * What differs between two prompts. Comparing lines costs the square of their differences: it stops at a bound, behind
 * which the old text is taken away and the new one put there as a whole; and others have their turn between two texts.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { diffArrays, FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff';
import { type Prompt, textsOf } from './prompt.js';

/** A member that is another, or on one side alone: there it is undefined. */
export interface MemberChange {
  key: string;
  from: unknown;
  to: unknown;
}

export interface TextChange {
  change: 'same' | 'changed' | 'added' | 'removed';
  /** Their places among the messages; undefined on the side where there is none. */
  fromIndex: number | undefined;
  toIndex: number | undefined;
  /** Unified, of the content; undefined where nothing is another. */
  diff: string | undefined;
  /** Of what a message has beside its content: role, name, … */
  members: MemberChange[];
}

export interface Comparison {
  /** Unified, of all the text; undefined where there is too much of it. */
  text: string | undefined;
  messages: TextChange[];
  modelConfig: MemberChange[];
  variables: MemberChange[];
  tags: { added: string[]; removed: string[] };
}

export interface Side {
  /** As the head of the patch names it. */
  title: string;
  prompt: Prompt;
}

/** Lines taken away and put there, together: some 15 ms of a core for texts of 100,000 characters each. */
const MAX_EDITS = 300;
const MAX_CHARACTERS = 250_000;

type Passage = Record<string, unknown> & { content: string };

export async function compare(from: Side, to: Side): Promise<Comparison> {
  const messages: TextChange[] = [];
  for (const pair of aligned(passagesOf(from.prompt), passagesOf(to.prompt))) {
    messages.push(changeOf(pair, [from.title, to.title]));
    if (messages.at(-1)!.diff !== undefined) await turn();
  }
  return {
    text: unifiedText(from, to),
    messages,
    modelConfig: membersOf(from.prompt.model_config, to.prompt.model_config),
    variables: membersOf(from.prompt.variables, to.prompt.variables),
    tags: tagsOf(from.prompt.tags, to.prompt.tags),
  };
}

function passagesOf({ messages, content }: Prompt): Passage[] {
  return messages ?? [{ content: content as string }];
}

interface Pair {
  from: Passage | undefined;
  to: Passage | undefined;
  fromIndex: number | undefined;
  toIndex: number | undefined;
}

/** Messages that stayed stand beside each other; between those, one that went is beside one that came. */
function aligned(from: readonly Passage[], to: readonly Passage[]): Pair[] {
  const pairs: Pair[] = [];
  let [fromIndex, toIndex] = [0, 0];
  for (const { gone, came } of runsOf(from, to)) {
    for (let at = 0; at < Math.max(gone, came); at++) {
      const [left, right] = [at < gone ? fromIndex + at : undefined, at < came ? toIndex + at : undefined];
      pairs.push({ from: from[left ?? -1], to: to[right ?? -1], fromIndex: left, toIndex: right });
    }
    fromIndex += gone;
    toIndex += came;
  }
  return pairs;
}

/** Stretches of messages that stayed, and of such that were replaced by others. */
function runsOf(from: readonly Passage[], to: readonly Passage[]): { gone: number; came: number }[] {
  const [before, after] = [from, to].map((passages) => passages.map((passage) => JSON.stringify(passage)));
  const changes = diffArrays(before!, after!, { maxEditLength: MAX_EDITS });
  if (!changes) return [{ gone: from.length, came: to.length }];
  const runs: { gone: number; came: number; open: boolean }[] = [];
  for (const { added, removed, count } of changes) {
    const last = runs.at(-1);
    if (!added && !removed) runs.push({ gone: count, came: count, open: false });
    else if (last?.open) last[added ? 'came' : 'gone'] += count;
    else runs.push({ gone: removed ? count : 0, came: added ? count : 0, open: true });
  }
  return runs;
}

function changeOf({ from, to, fromIndex, toIndex }: Pair, titles: readonly [string, string]): TextChange {
  const { content: before = '', ...fromMembers } = from ?? {};
  const { content: after = '', ...toMembers } = to ?? {};
  const members = membersOf(fromMembers, toMembers);
  const diff = before === after ? undefined : unified(...titles, before, after);
  const isSame = diff === undefined && members.length === 0;
  const change = from === undefined ? 'added' : to === undefined ? 'removed' : isSame ? 'same' : 'changed';
  return { change, fromIndex, toIndex, diff, members };
}

function membersOf(from: object = {}, to: object = {}): MemberChange[] {
  const [before, after] = [new Map(Object.entries(from)), new Map(Object.entries(to))];
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  return keys
    .map((key) => ({ key, from: before.get(key), to: after.get(key) }))
    .filter((change) => !isDeepStrictEqual(change.from, change.to));
}

function tagsOf(from: readonly string[] = [], to: readonly string[] = []): Comparison['tags'] {
  return { added: to.filter((tag) => !from.includes(tag)), removed: from.filter((tag) => !to.includes(tag)) };
}

function unifiedText(from: Side, to: Side): string | undefined {
  const [before, after] = [textOf(from.prompt), textOf(to.prompt)];
  return before.length + after.length > MAX_CHARACTERS ? undefined : unified(from.title, to.title, before, after);
}

/** As people read it: each message under a line with its role. */
function textOf(prompt: Prompt): string {
  const { messages } = prompt;
  const texts = textsOf(prompt).map(({ text }) => (text.endsWith('\n') ? text : `${text}\n`));
  return messages === undefined ? texts[0]! : texts.map((text, at) => `[${messages[at]!.role}]\n${text}`).join('\n');
}

function unified(fromTitle: string, toTitle: string, before: string, after: string): string {
  const options = { context: 3, maxEditLength: MAX_EDITS };
  const patch = structuredPatch(fromTitle, toTitle, before, after, undefined, undefined, options);
  return patch ? formatPatch(patch, FILE_HEADERS_ONLY) : replacement(fromTitle, toTitle, before, after);
}

/** A patch that takes away all lines and puts others there. */
function replacement(fromTitle: string, toTitle: string, before: string, after: string): string {
  const [gone, came] = [linesOf(before), linesOf(after)];
  const head = `--- ${fromTitle}\n+++ ${toTitle}\n@@ -${rangeOf(gone)} +${rangeOf(came)} @@\n`;
  return head + hunk('-', gone, before) + hunk('+', came, after);
}

function rangeOf({ length }: readonly string[]): string {
  return length === 0 ? '0,0' : `1,${length}`;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function hunk(sign: string, lines: readonly string[], text: string): string {
  const end = text === '' || text.endsWith('\n') ? '' : '\\ No newline at end of file\n';
  return lines.map((line) => `${sign}${line}\n`).join('') + end;
}

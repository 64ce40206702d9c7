/**
 * The two phases of a write: a row that nobody reads yet, then the content, then the row is active. Wherever it is broken
 * off, asking the content store tells which of the two it is: whole or absent.
 */
import { auditEntry, type MutationContext } from '../access/audit.js';
import type { Principal } from '../access/principal.js';
import { GatewayError } from '../errors.js';
import type { AuditEntry } from '../model/audit-entry.js';
import { promptHashOf } from '../model/prompt-hash.js';
import {
  describeKey,
  type NewPromptVersion,
  type PromptKey,
  type PromptVersion,
} from '../store/control/prompt-version.js';
import type { ControlStore, Repositories } from '../store/control/store.js';
import type { Adoptable } from './adoption.js';
import { compile, faultsOf } from './compiled.js';
import { checkComposition, type Resolve } from './composition.js';
import type { Arrival, PromptDriver, StoredVersion, VersionContent } from './driver.js';
import type { RegistryEvents } from './events.js';
import { firstTextOf, type Prompt, searchTextOf, writePrompt } from './prompt.js';
import { isPrerelease, sortKeyOf } from './version.js';
import { Waiting } from './waiting.js';

export interface IndexWriterOptions {
  control: ControlStore;
  driver: PromptDriver;
  events: RegistryEvents;
  /** Finds the prompts that a new one includes. */
  resolve: Resolve;
  /** Of this gateway, the same after a restart. */
  writer: string;
  /** A version waits for others before it: those that wait are to be settled. */
  onQueued(): void;
}

/** Another gateway's write that has not ended after so long was broken off. */
const BROKEN_OFF_MS = 120_000;

function alreadyExists({ name, version }: PromptKey): GatewayError {
  return new GatewayError('BAD_REQUEST', 'Prompt already exists', { details: { name, version } });
}

/** Its content stays: another under the same version would contradict it. */
function isDeleted({ name, version }: PromptKey): GatewayError {
  const details = { name, version, deleted: true };
  return new GatewayError('BAD_REQUEST', 'Prompt already exists: it is deleted, and can be restored', { details });
}

function invalid(fields: string[]): GatewayError {
  return new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields } });
}

function isCode(error: unknown, code: GatewayError['code']): boolean {
  return error instanceof GatewayError && error.code === code;
}

export class IndexWriter {
  /** Versions whose writing goes on in this process. */
  private readonly running = new Map<string, Promise<PromptVersion>>();
  private readonly waiting: Waiting;

  constructor(private readonly options: IndexWriterOptions) {
    this.waiting = new Waiting(options.control.prompts);
  }

  /**
   * Throws BAD_REQUEST (`Prompt already exists`), VALIDATION_FAILED for broken templates, CONFLICT while another gateway
   * writes the same version, and what the driver throws. Answers a pending version where the driver defers and can't write
   * now, or an earlier one waits.
   */
  async create(prompt: Prompt, principal: Principal, context: MutationContext): Promise<PromptVersion> {
    await this.check(prompt, principal.workspace);
    const row = this.newRow(prompt, principal, context);
    const key = describeKey(row);
    // One after another: the second is told that there is one already.
    for (let other = this.running.get(key); other; other = this.running.get(key)) await other.catch(() => {});
    const writing = this.write(row, writePrompt(prompt));
    this.running.set(key, writing);
    return writing.finally(() => this.running.delete(key));
  }

  /** Brings what was broken off to its end, and what waits; behind one that goes on waiting, all wait. */
  async settleAll(): Promise<void> {
    for (const row of await this.waiting.list((each) => this.mayBeRunning(each))) {
      if (!(await this.settle(row))) return;
      this.waiting.delete(row);
    }
  }

  /** Versions that are whole in the content store and have no row get one. */
  adopt(rows: readonly Adoptable[]): Promise<PromptKey[]> {
    return this.index(rows, async ({ prompts }, versions) => ({ added: await prompts.adopt(versions), renewed: [] }));
  }

  /** As `adopt`, and rows that are there are made anew, but for those that are pending. */
  renew(rows: readonly Adoptable[]): Promise<PromptKey[]> {
    return this.index(rows, async ({ prompts, promptIndex }, versions) => {
      const added = await prompts.adopt(versions);
      const fresh = new Set(added.map(describeKey));
      const renewed = await promptIndex.renew(versions.filter((version) => !fresh.has(describeKey(version))));
      return { added, renewed };
    });
  }

  /** The audit log is told of those that are added. */
  private async index(
    rows: readonly Adoptable[],
    put: (
      repositories: Repositories,
      versions: readonly NewPromptVersion[],
    ) => Promise<{ added: PromptKey[]; renewed: PromptKey[] }>,
  ): Promise<PromptKey[]> {
    const versions = rows.map(({ arrival, prompt, stored }) => this.adoptedRow(arrival, prompt, stored));
    const audits = new Map(versions.map((version) => [describeKey(version), version.audit!]));
    return this.options.control.transaction(async (repositories) => {
      const { workspaces, changes, auditLogs } = repositories;
      for (const workspace of new Set(versions.map((version) => version.workspace))) await workspaces.ensure(workspace);
      const { added, renewed } = await put(
        repositories,
        versions.map((version) => ({ ...version, audit: undefined })),
      );
      for (const prompt of promptsOf([...added, ...renewed])) await changes.announce({ topic: 'prompts', ...prompt });
      await auditLogs.appendAll(added.map((key) => audits.get(describeKey(key))!));
      return [...added, ...renewed];
    });
  }

  private async check(prompt: Prompt, workspace: string): Promise<void> {
    const faults = await faultsOf(prompt);
    if (faults.length > 0) throw invalid(faults);
    const compiled = await compile(prompt).catch((error: Error) => {
      throw invalid([error.message]);
    });
    if (compiled.includes.length > 0) await checkComposition(this.options.resolve, { workspace, ...prompt }, compiled);
  }

  private newRow(prompt: Prompt, principal: Principal, context: MutationContext): NewPromptVersion {
    const { name, version, tags = [] } = prompt;
    const { workspace } = principal;
    const deed = { workspace, action: 'create_prompt', promptName: name, versionTag: version };
    const now = Date.now();
    return {
      workspace,
      name,
      version,
      sortKey: sortKeyOf(version),
      prerelease: isPrerelease(version),
      driver: this.options.driver.kind,
      commitSha: undefined,
      author: prompt.author?.trim() || principal.name,
      message: prompt.commit_message?.trim() || `Add ${name} ${version}`,
      tags,
      ...foundBy(prompt),
      createdAt: Math.floor(now / 1000),
      writer: this.options.writer,
      writtenTimeUnixMs: now,
      audit: auditEntry(principal, context, deed),
    };
  }

  private adoptedRow(
    { author, message, timeUnixMs }: Arrival,
    prompt: Prompt,
    stored: StoredVersion,
  ): NewPromptVersion {
    const { workspace, name, version, commitSha } = stored;
    const details = { adopted: true, author, ...(commitSha !== undefined && { commit_sha: commitSha }) };
    const audit: AuditEntry = {
      workspace,
      timeUnixMs: Date.now(),
      action: 'create_prompt',
      promptName: name,
      versionTag: version,
      keyId: undefined,
      keyName: this.options.driver.kind,
      details,
    };
    return {
      workspace,
      name,
      version,
      sortKey: sortKeyOf(version),
      prerelease: isPrerelease(version),
      driver: this.options.driver.kind,
      commitSha,
      author,
      message,
      tags: prompt.tags ?? [],
      ...foundBy(prompt),
      createdAt: Math.floor(timeUnixMs / 1000),
      writer: undefined,
      writtenTimeUnixMs: Date.now(),
      audit,
    };
  }

  private async write(version: NewPromptVersion, content: string): Promise<PromptVersion> {
    const { defers = false } = this.options.driver;
    const row = await this.begin(defers ? { ...version, pendingContent: content } : version);
    const stored = defers && this.waiting.any ? this.queue(row) : await this.writeContent(row, content);
    if (!stored) return row;
    await this.activate(row, stored);
    const active = await this.options.control.prompts.active(row);
    if (!active) throw new GatewayError('STORE_UNAVAILABLE', 'The version was taken back while it was written');
    return active;
  }

  private async begin(version: NewPromptVersion): Promise<PromptVersion> {
    try {
      return await this.options.control.transaction(async ({ prompts }) => {
        const found = await prompts.find(version);
        if (!found) return prompts.begin(version);
        if (found.status === 'active') throw alreadyExists(version);
        if (found.status === 'deleted') throw isDeleted(version);
        // It was accepted, and will be written as it is.
        if ((await prompts.pendingContent(found.id)) !== undefined) throw alreadyExists(version);
        if (this.mayBeOthers(found) || !(await prompts.restart(found.id, version))) throw beingWritten(version);
        return (await prompts.find(version))!;
      });
    } catch (error) {
      // Two gateways found no row, and both made one.
      throw isCode(error, 'CONFLICT') ? beingWritten(version) : error;
    }
  }

  private async writeContent(row: PromptVersion, content: string): Promise<StoredVersion | undefined> {
    try {
      return await this.options.driver.write(contentOf(row, content));
    } catch (error) {
      // What is there is somebody else's: it gets its row when it is adopted, not under our name.
      if (isCode(error, 'CONFLICT')) {
        await this.options.control.prompts.drop(row.id);
        throw alreadyExists(row);
      }
      if (this.maySucceedLater(error)) return this.defer(row, error);
      // Whether it was written is found out now, or else by the next comparison.
      const stored = await this.find(row).catch(() => undefined);
      if (stored) return stored;
      throw error;
    }
  }

  private maySucceedLater(error: unknown): boolean {
    return this.options.driver.defers === true && error instanceof GatewayError && error.retryable;
  }

  private defer(row: PromptVersion, error: unknown): undefined {
    this.waiting.add(row);
    this.options.events.deferred(describeKey(row), error);
  }

  /** Behind those that wait: they may be on their way already. */
  private queue(row: PromptVersion): undefined {
    this.waiting.add(row);
    this.options.onQueued();
  }

  /** False when it goes on waiting. */
  private async settle(row: PromptVersion): Promise<boolean> {
    const content = await this.options.control.prompts.pendingContent(row.id);
    try {
      if (content === undefined) await this.find(row);
      else await this.end(row, await this.options.driver.write(contentOf(row, content)));
    } catch (error) {
      if (content === undefined) throw error;
      if (this.maySucceedLater(error)) {
        this.defer(row, error);
        return false;
      }
      if (!(error instanceof GatewayError)) throw error;
      // Somebody else's is there, or the content store will never take it.
      await this.end(row, undefined);
    }
    return true;
  }

  private async find(row: PromptVersion): Promise<StoredVersion | undefined> {
    const stored = await this.options.driver.find(row);
    await this.end(row, stored);
    return stored;
  }

  private async end(row: PromptVersion, stored: StoredVersion | undefined): Promise<void> {
    const changed = stored ? await this.activate(row, stored) : await this.options.control.prompts.drop(row.id);
    if (changed) this.options.events.settled(stored ? 'activated' : 'dropped', describeKey(row));
  }

  /** Whoever makes it active tells the audit log, once. */
  private activate(row: PromptVersion, { commitSha }: StoredVersion): Promise<boolean> {
    const { id, workspace, name, audit } = row;
    return this.options.control.transaction(async ({ prompts, changes, auditLogs }) => {
      if (!(await prompts.activate(id, commitSha))) return false;
      await changes.announce({ topic: 'prompts', workspace, name });
      if (audit) await auditLogs.append(audit);
      return true;
    });
  }

  private mayBeRunning(row: PromptVersion): boolean {
    return this.running.has(describeKey(row)) || this.mayBeOthers(row);
  }

  private mayBeOthers({ writer, writtenTimeUnixMs }: PromptVersion): boolean {
    return writer !== this.options.writer && Date.now() - writtenTimeUnixMs < BROKEN_OFF_MS;
  }
}

function contentOf(row: PromptVersion, content: string): VersionContent {
  const { workspace, name, version, author, message, writtenTimeUnixMs: timeUnixMs } = row;
  return { workspace, name, version, content, author: author!, message: message!, timeUnixMs };
}

function foundBy(prompt: Prompt): Pick<NewPromptVersion, 'text' | 'textHash'> {
  return { text: searchTextOf(prompt), textHash: promptHashOf(firstTextOf(prompt)) };
}

/** Each once. */
function promptsOf(versions: readonly PromptKey[]): Pick<PromptKey, 'workspace' | 'name'>[] {
  const prompts = versions.map(({ workspace, name }) => [`${workspace}/${name}`, { workspace, name }] as const);
  return [...new Map(prompts).values()];
}

function beingWritten({ name, version }: PromptKey): GatewayError {
  return new GatewayError('CONFLICT', `${name} ${version} is being written by another gateway`);
}

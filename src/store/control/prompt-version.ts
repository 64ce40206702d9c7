/** A version of a prompt, as the index has it. */
import type { AuditEntry } from '../../model/audit-entry.js';

export interface PromptKey {
  workspace: string;
  name: string;
  version: string;
}

/** For logs, and to tell keys apart. */
export function describeKey({ workspace, name, version }: PromptKey): string {
  return `${workspace}/${name}/${version}`;
}

export interface PromptVersion extends PromptKey {
  id: number;
  /** A deleted one is hidden from readers, and can be brought back. */
  status: 'pending' | 'active' | 'deleted';
  driver: string;
  /** Of the commit that brought it; undefined where the driver has none, and while it is pending. */
  commitSha: string | undefined;
  author: string | undefined;
  message: string | undefined;
  tags: readonly string[];
  /** Seconds since the epoch. */
  createdAt: number;
  /** Which gateway writes it; undefined for one that was adopted. */
  writer: string | undefined;
  /** Milliseconds since the epoch: when its writing was begun. */
  writtenTimeUnixMs: number;
  /** What the audit log is to be told when it becomes active. */
  audit: AuditEntry | undefined;
}

export interface NewPromptVersion extends Omit<PromptVersion, 'id' | 'status'> {
  /** Sorts by its bytes as versions do. */
  sortKey: string;
  prerelease: boolean;
  /** What is searched beside its name and tags. */
  text?: string | undefined;
  /** Of its first text: src/model/prompt-hash.ts. */
  textHash?: string | undefined;
  /** Kept until it is active, for a content store that can't always be written to. */
  pendingContent?: string | undefined;
}

import type { Generated } from 'kysely';

/** The tables of the control half, as Kysely sees them. */
export interface ControlSchema {
  workspaces: WorkspaceTable;
  installation: InstallationTable;
  api_keys: ApiKeyTable;
  audit_logs: AuditLogTable;
  audit_chains: AuditChainTable;
  prompts: PromptTable;
  prompt_labels: PromptLabelTable;
  prompt_label_moves: PromptLabelMoveTable;
  prompt_label_proposals: PromptLabelProposalTable;
  protected_labels: ProtectedLabelTable;
  prompt_revisions: PromptRevisionTable;
  prompt_contents: PromptContentTable;
  runs: RunTable;
  control_idempotency_keys: IdempotencyKeyTable;
  gateways: GatewayTable;
  prices: PriceTable;
  repricings: RepricingTable;
}

export interface WorkspaceTable {
  id: string;
  created_time_unix_ms: number;
}

export interface InstallationTable {
  key: string;
  value: string;
}

/** Times in seconds since the epoch, as clients know them. */
export interface ApiKeyTable {
  id: Generated<number>;
  key_hash: string;
  name: string;
  workspace_id: string;
  scopes: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
  replaced_by: number | null;
  grace_until: number | null;
}

export interface AuditLogTable {
  id: Generated<number>;
  workspace_id: string;
  sequence: number;
  time_unix_ms: number;
  action: string;
  target_id: string | null;
  prompt_name: string | null;
  version_tag: string | null;
  api_key_id: number | null;
  api_key_name: string;
  ip_address: string | null;
  request_id: string | null;
  details: string;
  source: string | null;
  prev_hash: string;
  hash: string;
}

/** The end of each workspace's chain: who appends holds this row. */
export interface AuditChainTable {
  workspace_id: string;
  sequence: number;
  hash: string;
}

export interface RunTable {
  id: Generated<number>;
  workspace_id: string;
  run_id: string;
  run_id_hex: string;
  workflow_name: string;
  status: string;
  input: string | null;
  output: string | null;
  trace_id: string | null;
  trace_id_hex: string | null;
  metadata: string;
  created_time_unix_ms: number;
  updated_time_unix_ms: number;
}

/** Without an answer as long as the transaction lasts that was first to come with the key. */
export interface IdempotencyKeyTable {
  workspace_id: string;
  key: string;
  fingerprint: string;
  answer: string | null;
  created_time_unix_ms: number;
}

export interface GatewayTable {
  number: number;
  buffer_id: string;
  seen_time_unix_ms: number;
}

/** `created_at` in seconds since the epoch, as clients know it. */
export interface PromptTable {
  id: Generated<number>;
  workspace_id: string;
  name: string;
  version_tag: string;
  sort_key: string;
  prerelease: number;
  status: string;
  writer: string | null;
  driver: string;
  commit_sha: string | null;
  author: string | null;
  message: string | null;
  tags: string;
  audit: string | null;
  pending_content: string | null;
  text_hash: string | null;
  created_at: number;
  written_time_unix_ms: number;
}

export interface PromptLabelTable {
  id: Generated<number>;
  workspace_id: string;
  prompt_name: string;
  name: string;
  version_tag: string;
  split: string | null;
  created_at: number;
}

export interface ProtectedLabelTable {
  workspace_id: string;
  name: string;
  protected_by: string;
  created_at: number;
}

export interface PromptLabelProposalTable {
  id: Generated<number>;
  workspace_id: string;
  prompt_name: string;
  name: string;
  from_version: string | null;
  from_split: string | null;
  to_version: string | null;
  to_split: string | null;
  reason: string | null;
  status: string;
  proposed_by: string;
  proposed_by_key: number | null;
  decided_by: string | null;
  created_at: number;
  decided_at: number | null;
}

export interface PromptLabelMoveTable {
  id: Generated<number>;
  workspace_id: string;
  prompt_name: string;
  name: string;
  from_version: string | null;
  from_split: string | null;
  to_version: string | null;
  to_split: string | null;
  moved_by: string;
  approved_by: string | null;
  reason: string | null;
  moved_at: number;
}

export interface PromptRevisionTable {
  writer: string;
  revision: string;
}

export interface PromptContentTable {
  sequence: number;
  workspace_id: string;
  name: string;
  version_tag: string;
  content: string;
  author: string;
  message: string;
  time_unix_ms: number;
}

export interface PriceTable {
  id: Generated<number>;
  workspace_id: string;
  pattern: string;
  provider: string;
  service_tier: string;
  valid_from_unix_ms: number;
  rates: string;
  revision: number;
  created_time_unix_ms: number;
  updated_time_unix_ms: number;
}

export interface RepricingTable {
  id: Generated<number>;
  workspace_id: string;
  from_unix_ms: number;
  to_unix_ms: number;
  status: string;
  step_cursor: string | null;
  examined: number;
  changed: number;
  error: string | null;
  owner: string | null;
  lease_until_unix_ms: number;
  started_time_unix_ms: number;
  finished_time_unix_ms: number | null;
}

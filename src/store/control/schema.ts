/** The tables of the control half, as Kysely sees them. */
export interface ControlSchema {
  workspaces: WorkspaceTable;
  installation: InstallationTable;
}

export interface WorkspaceTable {
  id: string;
  created_time_unix_ms: number;
}

export interface InstallationTable {
  key: string;
  value: string;
}

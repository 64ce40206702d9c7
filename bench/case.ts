import type { Row } from './table.js';

export interface CaseOptions {
  /** How long each measured load lasts. */
  seconds: number;
  seed: number;
  /** How long a backend is down; some times `seconds` when it is absent. */
  outageSeconds?: number;
}

export interface Case {
  name: string;
  /** Takes minutes or a database server: runs only when it is named, or with --all. */
  long?: boolean;
  run(options: CaseOptions): Promise<Row[]>;
}

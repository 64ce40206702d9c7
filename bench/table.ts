/** One row of the table: what was measured, the figure with its unit, and what else to know. */
export interface Row {
  case: string;
  load: string;
  figure: string;
  notes: string;
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function formatTable(rows: readonly Row[]): string {
  const header = ['case', 'load', 'measured', 'notes'];
  const cells = rows.map((row) => [row.case, row.load, row.figure, row.notes]);
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((cell) => cell[column]!.length)));
  const line = (cell: string[]) => `| ${cell.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(header), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.map(line)].join('\n');
}

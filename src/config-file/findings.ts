/** What is found while configuration is read: all of it is told at once, in the order of the files. */
export class Findings {
  readonly faults: string[] = [];
  readonly warnings: string[] = [];

  fault(text: string): void {
    if (!this.faults.includes(text)) this.faults.push(text);
  }

  warn(text: string): void {
    if (!this.warnings.includes(text)) this.warnings.push(text);
  }
}

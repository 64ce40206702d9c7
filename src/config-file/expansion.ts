/**
 * Variables in configuration files, as the Collector has them: ${env:NAME}, ${env:NAME:-default}, ${NAME}, ${file:path},
 * and $$ for a $. A bare $NAME is text.
 */

export interface Surroundings {
  /** A variable of the environment; undefined when it isn't set. */
  variable(name: string): string | undefined;
  /** The text of a file; throws when it can't be read. */
  file(path: string): string;
}

export interface Expansion {
  text: string;
  /** Something was put in. */
  expanded: boolean;
  /** Nothing stands beside what was put in. */
  whole: boolean;
  faults: string[];
  warnings: string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The index of the brace that closes what begins at `start`; a default may hold variables itself. */
function closing(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

class Expander {
  readonly faults: string[] = [];
  readonly warnings: string[] = [];
  count = 0;

  constructor(private readonly surroundings: Surroundings) {}

  expand(text: string): string {
    let out = '';
    let at = 0;
    while (at < text.length) {
      const next = text.indexOf('$', at);
      if (next < 0) break;
      out += text.slice(at, next);
      [out, at] = this.dollar(text, next, out);
    }
    return out + text.slice(at);
  }

  /** What comes of the $ at `at`, and where to go on. */
  private dollar(text: string, at: number, out: string): [string, number] {
    if (text[at + 1] === '$') return [`${out}$`, at + 2];
    if (text[at + 1] !== '{') return [`${out}$`, at + 1];
    const end = closing(text, at + 2);
    if (end < 0) {
      this.faults.push(`a \${ has no } ($\${ is the text \${)`);
      return [out, text.length];
    }
    this.count++;
    return [out + this.resolve(text.slice(at + 2, end)), end + 1];
  }

  private resolve(inner: string): string {
    // A colon before a hyphen begins a default, any other one ends a scheme.
    const [, scheme = 'env', rest] = /^(?:(\w+):(?!-))?(.*)$/s.exec(inner)!;
    if (scheme === 'file') return this.file(rest!);
    if (scheme === 'env') return this.variable(rest!);
    this.faults.push(`\${${scheme}:…} is not known; expected \${env:NAME}, \${NAME} or \${file:path}`);
    return '';
  }

  /** OpenTelemetry's configuration: a default stands in for what is empty, too. */
  private variable(rest: string): string {
    const [, name, fallback] = /^(.*?)(?::-(.*))?$/s.exec(rest)!;
    if (!NAME.test(name!)) {
      this.faults.push(`"${name}" is no name of a variable`);
      return '';
    }
    const value = this.surroundings.variable(name!);
    if (value) return value;
    if (fallback !== undefined) return this.expand(fallback);
    if (value === undefined) this.warnings.push(`the variable ${name} is not set: taken as empty`);
    return '';
  }

  /** Without the line end that editors put behind the last line: files hold tokens and passwords. */
  private file(name: string): string {
    try {
      return this.surroundings.file(name).replace(/\r?\n$/, '');
    } catch (error) {
      this.faults.push(`the file ${name} can't be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
      return '';
    }
  }
}

export function expandText(text: string, surroundings: Surroundings): Expansion {
  const expander = new Expander(surroundings);
  const expanded = expander.expand(text);
  const { faults, warnings, count } = expander;
  const whole = count === 1 && text.startsWith('${') && closing(text, 2) === text.length - 1;
  return { text: expanded, expanded: count > 0, whole, faults, warnings };
}

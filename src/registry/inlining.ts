/**
 * A template with what it includes in the places of the references: for clients that render it by themselves, and have no
 * partials. It is written anew from what was parsed, and comes out of any Mustache renderer as the original would with
 * its partials; comments are left out.
 */
import { partialOf, type Rendering, type Template, type Token } from './template.js';

interface Delimiters {
  open: string;
  close: string;
}

const USUAL: readonly Delimiters[] = [
  { open: '{{', close: '}}' },
  { open: '<%', close: '%>' },
];

/** Throws a TemplateError when there is no end to it. */
export function inlined(template: Template, rendering: Rendering): string {
  const tokens = expanded(template, rendering);
  return new Writing(delimitersFor(tokens)).write(tokens);
}

/** Without partials, and no two texts beside each other. */
function expanded(template: Template, rendering: Rendering): Token[] {
  const tokens: Token[] = [];
  for (const token of template) {
    rendering.budget.step();
    for (const each of expandedOne(token, rendering)) append(tokens, each);
  }
  return tokens;
}

function expandedOne(token: Token, rendering: Rendering): readonly Token[] {
  const [type, value, start, end, inner, close] = token;
  switch (type) {
    case 'text':
      rendering.budget.spend(value);
      return [token];
    case '>':
      return expanded(partialOf(value, inner as string, rendering), rendering);
    case '#':
    case '^':
      return [[type, value, start, end, expanded(inner as Token[], rendering), close]];
    case 'name':
    case '&':
      return [token];
    default:
      return [];
  }
}

function append(tokens: Token[], token: Token): void {
  const last = tokens.at(-1);
  if (last?.[0] !== 'text' || token[0] !== 'text') tokens.push(token);
  else tokens[tokens.length - 1] = ['text', last[1] + token[1], last[2], token[3]];
}

/** Those that are in no text, and in no name: templates may have had any of their own. */
function delimitersFor(tokens: readonly Token[]): Delimiters {
  const usual = USUAL.find((delimiters) => suits(delimiters, tokens));
  for (let at = 0; !usual; at++) {
    const delimiters = { open: `<${at}%`, close: `%${at}>` };
    if (suits(delimiters, tokens)) return delimiters;
  }
  return usual;
}

function suits(delimiters: Delimiters, tokens: readonly Token[]): boolean {
  const { open, close } = delimiters;
  return tokens.every(([type, value, , , inner]) => {
    // A brace beside a tag would be taken for the third one of it.
    if (open === '{{' && value.endsWith(type === 'text' ? '{' : '}')) return false;
    return !value.includes(type === 'text' ? open : close) && (!inner || suits(delimiters, inner as Token[]));
  });
}

class Writing {
  private text = '';

  constructor(private readonly delimiters: Delimiters) {}

  write(tokens: readonly Token[]): string {
    const { open, close } = this.delimiters;
    if (open !== '{{') this.text = `{{=${open} ${close}=}}\n`;
    this.writeAll(tokens);
    return this.text;
  }

  private writeAll(tokens: readonly Token[]): void {
    for (const token of tokens) this.writeOne(token);
  }

  private writeOne([type, value, , , inner]: Token): void {
    const { open, close } = this.delimiters;
    if (type === 'text') this.text += value;
    else if (type === 'name') this.text += `${open}${value}${close}`;
    else if (type === '&') this.text += `${open}&${value}${close}`;
    else this.writeSection(type, value, inner as Token[]);
  }

  private writeSection(type: string, name: string, inner: readonly Token[]): void {
    this.writeTag(`${type}${name}`);
    this.writeAll(inner);
    this.writeTag(`/${name}`);
  }

  /** mustache(5): the line of a section's tag that is alone on it is no part of the text. So it gets one where it can. */
  private writeTag(tag: string): void {
    const begins = this.text === '' || this.text.endsWith('\n');
    this.text += `${this.delimiters.open}${tag}${this.delimiters.close}${begins ? '\n' : ''}`;
  }
}

/**
 * A prompt with the prompts that it includes. Which versions those are is asked of the resolver each time, so that a
 * moved label of any of them is followed at once; from memory, where the resolver has them.
 */
import { GatewayError } from '../errors.js';
import type { LabelKey, LabelTarget } from '../store/control/labels.js';
import type { PromptKey } from '../store/control/prompt-version.js';
import type { CompiledPrompt } from './compiled.js';
import type { Include } from './include.js';
import type { Composition, Part, Resolved } from './resolved.js';
import { LATEST, type Selector } from './selector.js';
import type { PartialText } from './template.js';
import type { Declarations } from './variables.js';
import { outranks } from './version.js';

/** A prompt whose includes are followed. */
interface Node {
  name: string;
  version: string;
  compiled: CompiledPrompt;
}

export type Resolve = (workspace: string, name: string, selector: Selector) => Resolved | Promise<Resolved>;

const MAX_DEPTH = 8;
const MAX_PARTS = 50;
const MAX_CHARACTERS = 1 << 20;

function refused(fault: string): GatewayError {
  return new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: [fault] } });
}

function idOf({ name, version }: Pick<Node, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

/** Throws VALIDATION_FAILED for a cycle, for what is not there, can't be included, or is too much. */
export async function compose(resolve: Resolve, workspace: string, resolved: Resolved): Promise<Resolved> {
  const { version, compiled } = resolved;
  if (compiled.includes.length === 0) return resolved;
  const walk = new Walk(resolve, workspace);
  await walk.follow({ name: version.name, version: version.version, compiled }, []);
  return { ...resolved, stale: resolved.stale || walk.stale, composition: walk.composed(compiled) };
}

/** The same for one that is not there yet, as if it were. */
export async function checkComposition(
  resolve: Resolve,
  { workspace, name, version }: PromptKey,
  compiled: CompiledPrompt,
): Promise<void> {
  const node = { name, version, compiled };
  const standIn: StandIn = async (included, selector) =>
    included === name && (await means(node, selector, () => resolve(workspace, name, undefined))) ? node : undefined;
  await new Walk(resolve, workspace, standIn).follow(node, []);
}

/** The same for what a label is to stand for, as if it did. What is included by it is the version that weighs most. */
export async function checkLabelled(
  resolve: Resolve,
  { workspace, promptName: name, name: label }: LabelKey,
  target: LabelTarget,
): Promise<void> {
  const find = async (version: string): Promise<Node> => {
    const { compiled } = await resolve(workspace, name, { version });
    return { name, version, compiled };
  };
  const standIn: StandIn = async (included, selector) => {
    const isMeant = included === name && selector !== undefined && 'label' in selector && selector.label === label;
    return isMeant ? find(target.version) : undefined;
  };
  for (const version of versionsOf(target)) await new Walk(resolve, workspace, standIn).follow(await find(version), []);
}

/** Those that anybody gets. */
function versionsOf({ version, split }: LabelTarget): string[] {
  return split?.flatMap((share) => (share.weight > 0 ? [share.version] : [])) ?? [version];
}

/** What a reference will mean and doesn't yet; undefined for all that is as it was. */
type StandIn = (name: string, selector: Selector) => Promise<Node | undefined>;

/** Whether a selector of its prompt's will mean this version when it is written. */
async function means(
  { version }: Node,
  selector: Selector,
  latest: () => Resolved | Promise<Resolved>,
): Promise<boolean> {
  if (selector !== undefined && 'version' in selector) return selector.version === version;
  if (selector !== undefined && selector.label !== LATEST) return false;
  try {
    return outranks(version, (await latest()).version.version);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'NOT_FOUND') return true;
    throw error;
  }
}

class Walk {
  stale = false;
  private readonly nodes = new Map<string, { node: Node; part: Part }>();
  private characters = 0;

  constructor(
    private readonly resolve: Resolve,
    private readonly workspace: string,
    private readonly standIn: StandIn = async () => undefined,
  ) {}

  /** `trail`: what the node is included by, the outermost first. */
  async follow(node: Node, trail: readonly string[]): Promise<void> {
    const id = idOf(node);
    if (trail.includes(id)) throw refused(`The prompts include each other: ${[...trail, id].join(' -> ')}`);
    const path = [...trail, id];
    if (path.length > MAX_DEPTH + 1) {
      throw refused(`Prompts are included more than ${MAX_DEPTH} deep: ${path.join(' -> ')}`);
    }
    for (const include of node.compiled.includes) await this.followInclude(include, id, path);
  }

  composed(root: CompiledPrompt): Composition {
    const found = [...this.nodes.values()];
    const sources = found.map(({ node }) => node.compiled);
    const declarations = [root, ...sources].map(({ prompt }) => prompt.variables ?? {});
    return {
      parts: found.map(({ part }) => part),
      sources,
      declarations: merged(declarations),
      partials: (reference) => {
        const included = this.nodes.get(reference);
        return included && partialOf(included.node.compiled);
      },
    };
  }

  private async followInclude(include: Include, by: string, path: readonly string[]): Promise<void> {
    const known = this.nodes.get(include.reference);
    const node = known?.node ?? (await this.find(include, by));
    if (!known) this.add(include, node, by);
    // One that was followed before is followed no further, but for the cycle that it may close.
    if (!known || path.includes(idOf(node))) await this.follow(node, path);
  }

  private async find({ reference, name, selector }: Include, by: string): Promise<Node> {
    try {
      const found = await this.lookUp(name, selector);
      if (found.compiled.texts.length > 1) {
        throw refused(`${by} includes ${reference}: only a text, or a chat prompt of one message, can be included`);
      }
      return found;
    } catch (error) {
      if (!(error instanceof GatewayError && error.code === 'NOT_FOUND')) throw error;
      throw refused(`${by} includes ${reference}: ${error.message}`);
    }
  }

  private async lookUp(name: string, selector: Selector): Promise<Node> {
    const meant = await this.standIn(name, selector);
    if (meant) return meant;
    const { version, compiled, stale } = await this.resolve(this.workspace, name, selector);
    this.stale ||= stale;
    return { name, version: version.version, compiled };
  }

  private add({ reference, selector }: Include, node: Node, by: string): void {
    const label = selector === undefined ? LATEST : 'label' in selector ? selector.label : undefined;
    this.nodes.set(reference, { node, part: { name: node.name, version: node.version, label } });
    this.characters += node.compiled.json.length;
    if (this.nodes.size > MAX_PARTS) throw refused(`${by} includes ${reference}: more than ${MAX_PARTS} parts`);
    if (this.characters > MAX_CHARACTERS) {
      throw refused(`${by} includes ${reference}: more than ${MAX_CHARACTERS} characters together`);
    }
  }
}

function merged(declarations: readonly Declarations[]): Declarations {
  return Object.assign({}, ...declarations.toReversed());
}

function partialOf({ texts, templates }: CompiledPrompt): PartialText {
  return { text: texts[0]!, template: templates[0] };
}

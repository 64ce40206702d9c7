/**
 * The spans of one instrumentation have the same attributes in the same order. What follows from the names alone is found
 * once for each such order, and kept with it: a step for each name, from the first to the last.
 */
import { endOfString } from './json.js';
import { endOfValue } from './json-slice.js';
import { ownCopy } from './memo.js';

/** Beyond them it is begun anew: names may hold ids. */
const MAX_STEPS = 8192;
/** No vocabulary has longer names; an order with such a name is not kept. */
const MAX_NAME_CHARS = 256;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

interface Step<Meaning, Plan> {
  /** The name as it stands in the text, with its quotes and the colon. */
  mark: string;
  name: string;
  /** undefined: the name says nothing, and its value isn't looked at. */
  meaning: Meaning | undefined;
  before: Step<Meaning, Plan> | undefined;
  followers: Map<string, Step<Meaning, Plan>>;
  /** Who is likely to follow: the one that did the last time. */
  latest: Step<Meaning, Plan> | undefined;
  /** Of the order that ends here. */
  plan: Plan | undefined;
}

function stepOf<Meaning, Plan>(
  name: string,
  meaning: Meaning | undefined,
  before?: Step<Meaning, Plan>,
): Step<Meaning, Plan> {
  return { mark: `"${name}":`, name, meaning, before, followers: new Map(), latest: undefined, plan: undefined };
}

/** A name with a meaning, and which of such names it is. */
export interface Member<Meaning> {
  name: string;
  meaning: Meaning;
  place: number;
}

export interface Reading<Meaning, Plan> {
  meaningOf(name: string): Meaning | undefined;
  planOf(members: readonly Member<Meaning>[]): Plan;
}

export class Shapes<Meaning, Plan> {
  /** Of the text that was read last: from, to, from, to, … of the values whose names have a meaning. */
  readonly places: number[] = [];
  private root = stepOf<Meaning, Plan>('', undefined);
  private steps = 0;

  constructor(private readonly reading: Reading<Meaning, Plan>) {}

  /** What the names of an object are good for; undefined for a text in another form than the decoder's. */
  read(json: string): Plan | undefined {
    const last = this.lastStep(json);
    if (last === undefined) return undefined;
    last.plan ??= this.reading.planOf(membersUntil(last));
    return last.plan;
  }

  private lastStep(json: string): Step<Meaning, Plan> | undefined {
    if (json === '{}') return this.root;
    let step: Step<Meaning, Plan> | undefined = this.root;
    let [at, count] = [0, 0];
    let before = OPEN_OBJECT;
    while (step !== undefined && before === json.charCodeAt(at)) {
      step = this.follower(step, json, at + 1);
      if (step === undefined) return undefined;
      const from = at + 1 + step.mark.length;
      at = endOfValue(json, from);
      if (step.meaning !== undefined) {
        this.places[count++] = from;
        this.places[count++] = at;
      }
      before = COMMA;
    }
    return json.charCodeAt(at) === CLOSE_OBJECT && at + 1 === json.length ? step : undefined;
  }

  private follower(step: Step<Meaning, Plan>, json: string, at: number): Step<Meaning, Plan> | undefined {
    const { latest } = step;
    if (latest !== undefined && json.slice(at, at + latest.mark.length) === latest.mark) return latest;
    const close = json.charCodeAt(at) === QUOTE ? endOfString(json, at) : -1;
    if (close < 0 || json.charCodeAt(close + 1) !== COLON) return undefined;
    const name = json.slice(at + 1, close);
    if (name.length > MAX_NAME_CHARS) return stepOf(name, undefined, step);
    step.latest = step.followers.get(name) ?? this.newStep(step, name);
    return step.latest;
  }

  private newStep(before: Step<Meaning, Plan>, name: string): Step<Meaning, Plan> {
    if (this.steps++ === MAX_STEPS) this.startAnew();
    const kept = ownCopy(name);
    const step = stepOf(kept, this.reading.meaningOf(kept), before);
    before.followers.set(kept, step);
    return step;
  }

  private startAnew(): void {
    this.root = stepOf<Meaning, Plan>('', undefined);
    this.steps = 0;
  }
}

function membersUntil<Meaning, Plan>(last: Step<Meaning, Plan>): Member<Meaning>[] {
  const steps: Step<Meaning, Plan>[] = [];
  for (let step = last; step.before !== undefined; step = step.before) if (step.meaning !== undefined) steps.push(step);
  return steps.reverse().map(({ name, meaning }, place) => ({ name, meaning: meaning!, place }));
}

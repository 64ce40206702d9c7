/** The configuration read anew while the process runs: what can be taken over is, and what needs a restart is told. */

/** A part of the process that takes settings over while it runs. */
export interface Reloadable<Config> {
  /** Whether it takes that value: logging.level, exporters.otlp/tempo. */
  takes(name: string): boolean;
  /** Rejects for a fault that no single value shows: then nobody takes anything over. */
  check?(config: Config): void | Promise<void>;
  /** Rejects when it goes on as it was. */
  reload(config: Config): void | Promise<void>;
}

export interface ReloadReading<Config> {
  /** Undefined when there are faults. */
  config: Config | undefined;
  faults: readonly string[];
  warnings: readonly string[];
  /** Every value by its name, for comparison alone: secrets are among them. */
  values: ReadonlyMap<string, string>;
}

export interface Reloaded {
  applied: readonly string[];
  needRestart: readonly string[];
  warnings: readonly string[];
  /** Every part that had something to take over did. */
  isWhole: boolean;
}

/** The happenings. Names are told, never values. */
export interface ReloadEvents {
  /** The configuration has faults: all goes on as it was. */
  refused(faults: readonly string[]): void;
  reloaded(outcome: Reloaded): void;
  /** A part could not take its values over. */
  failed(names: readonly string[], error: unknown): void;
}

export interface ReloadOptions<Config> {
  read(): ReloadReading<Config>;
  /** What the process was started with. */
  running: ReadonlyMap<string, string>;
  parts: readonly Reloadable<Config>[];
  events: ReloadEvents;
}

/** Names whose values differ, those that are gone too. */
export function changedNames(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

/** Reads and takes over, and rejects never. One that is called while another one is under way comes after it, once. */
export function createReload<Config>({ read, running, parts, events }: ReloadOptions<Config>): () => Promise<void> {
  const held = new Map(running);
  const hold = (names: readonly string[], values: ReadonlyMap<string, string>) => {
    for (const name of names) {
      const value = values.get(name);
      if (value === undefined) held.delete(name);
      else held.set(name, value);
    }
  };
  const takeOver = async (part: Reloadable<Config>, names: string[], config: Config) => {
    try {
      await part.reload(config);
      return true;
    } catch (error) {
      events.failed(names, error);
      return false;
    }
  };
  const faultOf = async (part: Reloadable<Config>, config: Config) => {
    try {
      await part.check?.(config);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  };
  const reload = async () => {
    const { config, faults, warnings, values } = read();
    if (config === undefined) return events.refused(faults);
    const changed = changedNames(held, values);
    const affected = parts
      .map((part) => ({ part, names: changed.filter((name) => part.takes(name)) }))
      .filter(({ names }) => names.length > 0);
    const wrong = (await Promise.all(affected.map(({ part }) => faultOf(part, config)))).flat();
    if (wrong.length > 0) return events.refused(wrong);
    const applied: string[] = [];
    for (const { part, names } of affected) if (await takeOver(part, names, config)) applied.push(...names);
    hold(applied, values);
    const isWhole = affected.every(({ names }) => names.every((name) => applied.includes(name)));
    const needRestart = changed.filter((name) => !parts.some((part) => part.takes(name)));
    events.reloaded({ applied, needRestart, warnings, isWhole });
  };
  return inTurn(() => reload().catch((error: Error) => events.refused([error.message])));
}

/** Whoever calls while it runs waits for the next run, which begins when this one is over. */
function inTurn(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    next = undefined;
    const own = run().finally(() => {
      if (running === own) running = undefined;
    });
    running = own;
    return own;
  };
  return () => {
    if (running === undefined) return begin();
    next ??= running.then(begin);
    return next;
  };
}

/** The configuration read anew while the process runs: what can be taken over is, and what needs a restart is told. */

/** A part of the process that takes settings over while it runs. */
export interface Reloadable<Config> {
  /** Whether it takes that value: logging.level, exporters.otlp/tempo. */
  takes(name: string): boolean;
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

/** The happenings. Names are told, never values. */
export interface ReloadEvents {
  /** The configuration has faults: all goes on as it was. */
  refused(faults: readonly string[]): void;
  reloaded(outcome: { applied: readonly string[]; needRestart: readonly string[]; warnings: readonly string[] }): void;
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

/** Reads and takes over; calls take turns, and none rejects. */
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
  const reload = async () => {
    const { config, faults, warnings, values } = read();
    if (config === undefined) return events.refused(faults);
    const changed = changedNames(held, values);
    const applied: string[] = [];
    for (const part of parts) {
      const names = changed.filter((name) => part.takes(name));
      if (names.length > 0 && (await takeOver(part, names, config))) applied.push(...names);
    }
    hold(applied, values);
    const needRestart = changed.filter((name) => !parts.some((part) => part.takes(name)));
    events.reloaded({ applied, needRestart, warnings });
  };
  let last = Promise.resolve();
  return () => {
    last = last.then(reload).catch((error: Error) => events.refused([error.message]));
    return last;
  };
}

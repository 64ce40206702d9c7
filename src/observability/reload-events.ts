import type { ReloadEvents } from '../config-file/reload.js';
import type { Logger } from './logger.js';

export function createReloadEvents(log: Logger): ReloadEvents {
  return {
    refused(faults) {
      log.error(
        { event: 'config.refused', faults },
        `The configuration has ${faults.length} fault(s): all goes on as it was`,
      );
    },
    reloaded({ applied, needRestart, warnings }) {
      for (const warning of warnings) log.warn({ event: 'config.warning' }, warning);
      if (needRestart.length > 0) {
        log.warn(
          { event: 'config.restart_needed', applied, needRestart },
          `Needs a restart: ${needRestart.join(', ')}`,
        );
      } else {
        log.info({ event: 'config.reloaded', applied }, describe(applied));
      }
    },
    failed(names, error) {
      log.error({ event: 'config.failed', names, err: error }, `Could not be taken over: ${names.join(', ')}`);
    },
  };
}

function describe(applied: readonly string[]): string {
  if (applied.length === 0) return 'The configuration was read anew: nothing has changed';
  return `The configuration was read anew: ${applied.join(', ')}`;
}

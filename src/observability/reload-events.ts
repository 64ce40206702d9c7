import type { Reconciled } from '../../exporters/exporters.js';
import type { ReloadEvents } from '../config-file/reload.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

export interface ExportingReloadEvents extends ReloadEvents {
  /** The exporters are those of the configuration that was read. */
  reconciled(outcome: Reconciled): void;
}

export function createReloadEvents(log: Logger, { configReload: metrics }: Metrics): ExportingReloadEvents {
  const succeeded = () => {
    metrics.reloads.inc({ outcome: 'success' });
    metrics.successful.set(1);
    metrics.successTime.setToCurrentTime();
  };
  const notTakenOver = () => {
    metrics.reloads.inc({ outcome: 'failure' });
    metrics.successful.set(0);
  };
  return {
    refused(faults) {
      notTakenOver();
      log.error(
        { event: 'config.refused', faults },
        `The configuration has ${faults.length} fault(s): all goes on as it was`,
      );
    },
    reloaded({ applied, needRestart, isWhole, warnings }) {
      if (isWhole) succeeded();
      else notTakenOver();
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
    reconciled(outcome) {
      log.info({ event: 'exporters.reloaded', ...outcome }, describeExporters(outcome));
    },
  };
}

function describeExporters(outcome: Reconciled): string {
  const told = Object.entries(outcome).filter(([, names]) => names.length > 0);
  return `Exporters: ${told.map(([what, names]) => `${what} ${names.join(', ')}`).join('; ') || 'none'}`;
}

function describe(applied: readonly string[]): string {
  if (applied.length === 0) return 'The configuration was read anew: nothing has changed';
  return `The configuration was read anew: ${applied.join(', ')}`;
}

import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** As Prometheus tells of its own configuration; what the process was started with counts as read. */
export function configReloadMetrics(registry: Registry) {
  const registers = [registry];
  const reloads = new Counter({
    name: 'promptmetrics_config_reloads_total',
    help: 'Times the configuration was read anew, by whether it was taken over',
    labelNames: ['outcome'],
    registers,
  });
  const successful = new Gauge({
    name: 'promptmetrics_config_last_reload_successful',
    help: '0 when the configuration that was read last has faults, or could not be taken over',
    registers,
  });
  const successTime = new Gauge({
    name: 'promptmetrics_config_last_reload_success_timestamp_seconds',
    help: 'When a configuration was taken over last, in seconds since the epoch',
    registers,
  });
  for (const outcome of ['success', 'failure']) reloads.inc({ outcome }, 0);
  successful.set(1);
  successTime.setToCurrentTime();
  return { reloads, successful, successTime };
}

/** Node's own metrics under prom-client's names, and those of the Collector that mean the same here as there. */
export function processMetrics(registry: Registry, version: string): void {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const cpuSeconds = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  gauge('otelcol_process_uptime', 'Seconds since the start', () => process.uptime());
  gauge('otelcol_process_cpu_seconds', 'CPU seconds, user and system', cpuSeconds);
  gauge('otelcol_process_memory_rss', 'Resident memory in bytes', () => process.memoryUsage.rss());
  gauge('otelcol_process_runtime_heap_alloc_bytes', 'Bytes of objects on the heap of the main thread', () => {
    return process.memoryUsage().heapUsed;
  });
  const info = new Gauge({ name: 'promptmetrics_build_info', help: 'Version', labelNames: ['version'], registers });
  info.set({ version }, 1);
}

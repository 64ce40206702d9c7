/** The piscina entry of the read-only threads: an operation of the telemetry store in, its answer out. */
import type { ReadOperation, ReadTask } from '../src/store/telemetry/sqlite/messages.js';
import { closeReaders, runReadTask } from '../src/store/telemetry/sqlite/read-task.js';

/** Any ReadOperation takes a ReadTask and answers a ReadAnswer; `close` closes this thread's connections. */
export default function run({ operation, argument }: { operation: ReadOperation | 'close'; argument: unknown }) {
  return operation === 'close' ? closeReaders() : runReadTask(operation, argument as ReadTask);
}

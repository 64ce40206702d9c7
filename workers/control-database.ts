/** The piscina entry of the one thread that has the SQLite control database open. */
import type { Operation, Reply, Statement } from '../src/store/control/sqlite/messages.js';
import { runControlOperation } from '../src/store/control/sqlite/thread.js';

export default function run({ operation, argument }: { operation: Operation; argument: Statement }): Reply {
  return runControlOperation(operation, argument);
}

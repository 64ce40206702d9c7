/** The folder of everything that is kept on disk: made when it is missing, private to its owner. */
import { access, constants, mkdir } from 'node:fs/promises';
import type { Component } from './component.js';
import { GatewayError } from './errors.js';

export function createDataDirectory(directory: string): Component {
  return {
    name: 'data-directory',
    async start() {
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await access(directory, constants.W_OK | constants.X_OK);
      } catch (error) {
        const reason = (error as Error).message;
        const hint = 'DATA_DIR must name a folder that this process may write to';
        throw new GatewayError('DATA_DIR_UNUSABLE', `The data folder ${directory} can't be used: ${reason}. ${hint}`);
      }
    },
    async shutdown() {},
  };
}

/** Listed by hand: what is in a folder at run time (`.ts`, `.js`, a stray file) never decides what a database becomes. */
import type { MigrationSeries } from '../../src/store/migrator.js';
import * as foundation from './0001-foundation.js';
import * as access from './0002-access.js';
import * as runs from './0003-runs.js';
import * as prompts from './0004-prompts.js';
import * as promptContents from './0005-prompt-contents.js';
import * as pendingPrompts from './0006-pending-prompts.js';
import * as labelRules from './0007-label-rules.js';
import * as promptTexts from './0008-prompt-texts.js';
import * as prices from './0009-prices.js';
import * as promptHashes from './0010-prompt-hashes.js';

export const controlMigrations: MigrationSeries = {
  name: 'control',
  migrations: [
    foundation,
    access,
    runs,
    prompts,
    promptContents,
    pendingPrompts,
    labelRules,
    promptTexts,
    prices,
    promptHashes,
  ],
};

import type { z } from 'zod';
import { isPromptName } from '../../registry/paths.js';
import { isLabel } from '../../registry/selector.js';
import type { LabelKey, LabelTarget, Share } from '../../store/control/labels.js';
import { requireFound } from '../paging.js';
import type { labelParameters } from './schema.js';

interface RenderedShare {
  version_tag: string;
  weight: number;
}

export function readShare({ version_tag: version, weight }: RenderedShare): Share {
  return { version, weight };
}

export function renderShare({ version, weight }: Share): RenderedShare {
  return { version_tag: version, weight };
}

/** Where a label stood, and where it does or is to. */
export function renderEnds({ from, to }: { from: LabelTarget | undefined; to: LabelTarget | undefined }) {
  return {
    from_version: from?.version ?? null,
    ...(from?.split && { from_split: from.split.map(renderShare) }),
    to_version: to?.version ?? null,
    ...(to?.split && { to_split: to.split.map(renderShare) }),
  };
}

/** Throws NOT_FOUND for what can be no label. */
export function keyOf(workspace: string, { name, label_name }: z.infer<typeof labelParameters>): LabelKey {
  const possible = isPromptName(name) && isLabel(label_name);
  return requireFound(possible ? { workspace, promptName: name, name: label_name } : undefined, 'Label');
}

import type { z } from 'zod';
import { type Comparison, compare, type TextChange } from '../../registry/comparison.js';
import type { Registry } from '../../registry/registry.js';
import type { Resolved } from '../../registry/resolved.js';
import type { Selector } from '../../registry/selector.js';
import { isVersion, sortKeyOf } from '../../registry/version.js';
import { errorSchema } from '../errors.js';
import type { ApiPlugin } from '../plugin.js';
import { comparePromptsQuery, promptComparisonSchema } from './comparison-schema.js';
import { promptParameters } from './schema.js';

type Rendered = z.infer<typeof promptComparisonSchema>;

/** What is written like a version is one. */
function selectorOf(text: string | undefined): Selector {
  if (text === undefined) return undefined;
  return isVersion(text) ? { version: text } : { label: text };
}

function renderMessage({ change, fromIndex, toIndex, diff, members }: TextChange): Rendered['messages'][number] {
  return { change, from_index: fromIndex ?? null, to_index: toIndex ?? null, diff: diff ?? null, members };
}

function renderComparison({ text, messages, modelConfig, variables, tags }: Comparison) {
  return { text: text ?? null, messages: messages.map(renderMessage), model_config: modelConfig, variables, tags };
}

function sideOf({ version: { version: title }, compiled: { prompt } }: Resolved) {
  return { title, prompt };
}

export const promptComparisonPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const before = async (workspace: string, to: Resolved): Promise<Resolved> => {
    const { name, version } = to.version;
    const lower = await registry.control.prompts.preceding(workspace, name, sortKeyOf(version));
    return lower ? registry.resolve(workspace, name, { version: lower.version }) : to;
  };

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/diff',
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'What differs between two versions of a prompt',
      description:
        'As they were written: prompts that they include are not put in. The first version is compared with itself. ' +
        'Texts that differ in more than 300 lines are told as replaced.',
      params: promptParameters,
      querystring: comparePromptsQuery,
      response: { 200: promptComparisonSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async ({ params: { name }, query, workspace }) => {
      const to = await registry.resolve(workspace, name, selectorOf(query.to));
      const { from: asked } = query;
      const from = await (asked === undefined
        ? before(workspace, to)
        : registry.resolve(workspace, name, selectorOf(asked)));
      const sides = { name, from: from.version.version, to: to.version.version };
      return { ...sides, ...renderComparison(await compare(sideOf(from), sideOf(to))) } satisfies Rendered;
    },
  });
};

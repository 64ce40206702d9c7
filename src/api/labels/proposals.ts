import type { z } from 'zod';
import type { Registry } from '../../registry/registry.js';
import type { LabelProposal } from '../../store/control/label-proposals.js';
import { principalOf } from '../authentication.js';
import { errorSchema } from '../errors.js';
import { mutationOf } from '../mutation.js';
import { offsetPage, sliceOf } from '../offset-page.js';
import { requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { keyOf, readShare, renderEnds } from './render.js';
import {
  labelParameters,
  labelProposalPageSchema,
  labelProposalSchema,
  listLabelsQuery,
  proposalParameters,
  proposeLabelBody,
} from './schema.js';

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function render(proposal: LabelProposal): z.infer<typeof labelProposalSchema> {
  const { id, promptName, name, reason, status, by, decidedBy, createdAt, decidedAt } = proposal;
  return {
    id,
    prompt_name: promptName,
    name,
    ...renderEnds(proposal),
    reason: reason ?? null,
    status,
    proposed_by: by,
    decided_by: decidedBy ?? null,
    created_at: createdAt,
    decided_at: decidedAt ?? null,
  };
}

const URL = '/v1/prompts/:name/labels/:label_name/proposals';

const DECISIONS = [
  {
    deed: 'approve',
    scope: 'admin',
    summary: 'Agree to what somebody else has proposed: the label is moved',
    description: '403 to who has proposed it; 412 when the label has been moved since; 409 when it is decided already.',
  },
  {
    deed: 'reject',
    scope: 'write',
    summary: 'Turn a proposal down, or take back one’s own',
    description: '403 to who is no admin and has not proposed it; 409 when it is decided already.',
  },
] as const;

export const labelProposalsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const { control, labels } = registry;

  app.route({
    method: 'POST',
    url: URL,
    config: { scope: 'write', example: { version_tag: '1.0.0', reason: 'Fewer refusals' } },
    schema: {
      tags: ['labels'],
      summary: 'Propose to move or remove a label, for somebody else to approve',
      params: labelParameters,
      body: proposeLabelBody,
      response: { 201: labelProposalSchema, ...errors },
    },
    handler: async (request, reply) => {
      const { version_tag: version, split, remove, reason } = request.body;
      const { promptName, name } = keyOf(request.workspace, request.params);
      const input = { promptName, name, version, split: split?.map(readShare), remove, reason };
      const proposal = await labels.propose(input, principalOf(request), mutationOf(request));
      return reply.code(201).send(render(proposal));
    },
  });

  app.route({
    method: 'GET',
    url: URL,
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'List what was proposed for a label, the latest first',
      description: 'Empty for a label that nothing was proposed for. 404 for an unknown prompt.',
      params: labelParameters,
      querystring: listLabelsQuery,
      response: { 200: labelProposalPageSchema, ...errors },
    },
    handler: async ({ params, query, workspace }) => {
      const key = keyOf(workspace, params);
      const exists = await control.prompts.exists(workspace, key.promptName);
      requireFound(exists ? key : undefined, 'Prompt');
      return offsetPage(query, await control.labelProposals.list(key, sliceOf(query)), render);
    },
  });

  app.route({
    method: 'GET',
    url: `${URL}/:proposal_id`,
    config: { scope: 'read' },
    schema: {
      tags: ['labels'],
      summary: 'One proposal, and what became of it',
      params: proposalParameters,
      response: { 200: labelProposalSchema, ...errors },
    },
    handler: async ({ params, workspace }) => {
      const proposal = await control.labelProposals.get(keyOf(workspace, params), params.proposal_id);
      return render(requireFound(proposal, 'Proposal'));
    },
  });

  for (const { deed, scope, summary, description } of DECISIONS) {
    app.route({
      method: 'POST',
      url: `${URL}/:proposal_id/${deed}`,
      config: { scope },
      schema: {
        tags: ['labels'],
        summary,
        description,
        params: proposalParameters,
        response: { 200: labelProposalSchema, ...errors },
      },
      handler: async (request) => {
        const { promptName, name } = keyOf(request.workspace, request.params);
        const key = { promptName, name, id: request.params.proposal_id };
        return render(await labels[deed](key, principalOf(request), mutationOf(request)));
      },
    });
  }
};

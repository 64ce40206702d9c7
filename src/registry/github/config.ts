import { z } from 'zod';
import { httpUrl, milliseconds, type SettingMeta, text } from '../../setting.js';

/** git-check-ref-format(1), the part of it that people use. */
function branch() {
  return z
    .string()
    .regex(/^(?![-/.])(?!.*(?:\.\.|\/\/|\/\.|\.lock(?:\/|$)))[\w./-]+(?<![/.])$/, 'expected the name of a branch');
}

/** Of the github driver; part of the registry's. */
export const githubSettings = z.object({
  githubRepo: z
    .string()
    .regex(/^[\w-]+\/(?!\.{1,2}$)[\w.-]+$/, 'expected owner/repository')
    .optional()
    .meta({ env: 'GITHUB_REPO', description: 'owner/repository of the github driver' } satisfies SettingMeta),
  githubToken: text()
    .optional()
    .meta({
      env: 'GITHUB_TOKEN',
      description: 'Token that may read and write the contents of that repository',
      secret: true,
    } satisfies SettingMeta),
  githubApiUrl: httpUrl('https://…')
    .prefault('https://api.github.com')
    .meta({
      env: 'GITHUB_API_URL',
      description: 'The REST API of GitHub; https://<host>/api/v3 for an Enterprise server',
    } satisfies SettingMeta),
  githubBranch: branch()
    .prefault('main')
    .meta({
      env: 'GITHUB_BRANCH',
      description: 'The branch that prompts are read from and written to',
    } satisfies SettingMeta),
  githubSyncIntervalMs: milliseconds(1_000, 86_400_000)
    .prefault('60000')
    .meta({
      env: 'GITHUB_SYNC_INTERVAL_MS',
      description: 'How often GitHub is asked for new commits; ten times as long where a webhook tells of them',
    } satisfies SettingMeta),
  githubWebhookSecret: text()
    .optional()
    .meta({
      env: 'GITHUB_WEBHOOK_SECRET',
      description: 'What GitHub signs its POST /webhooks/github with; without it, that is refused',
      secret: true,
    } satisfies SettingMeta),
});

export type GithubConfig = Readonly<z.infer<typeof githubSettings>>;

import { beforeEach, describe, expect, it } from 'vitest';
import { promptHashOf } from '../../src/model/prompt-hash.js';
import type { DecodedFrame } from '../../src/model/telemetry.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import { type KnownText, Renderings } from '../../src/registry/renderings.js';
import { Enrichment } from '../../workers/enrichment.js';
import { createKnowledge } from '../../workers/knowledge.js';
import { recordSource } from '../helpers/records.js';

const MAX = 10;
const key = (name: string, version = '1.0.0', workspace = 'w') => ({ workspace, name, version });
const hashed = (hash: string, name: string, version?: string, workspace?: string) => ({
  ...key(name, version, workspace),
  hash,
});

let forgotten = 0;
let renderings: Renderings;
beforeEach(() => {
  forgotten = 0;
  const textsForgotten = (texts: number) => {
    forgotten += texts;
  };
  renderings = new Renderings({ ...nopRegistryEvents, textsForgotten }, MAX);
});

/** What one who was told up to there is told until there is nothing more. */
function told(from = 0): { version: number; texts: KnownText[] } {
  const texts: KnownText[] = [];
  for (let version = from; ; ) {
    const learned = renderings.since(version);
    if (learned.version === version) return { version, texts };
    version = learned.version;
    texts.push(...learned.texts);
  }
}

/** The last word on a text. */
function meaning(hash: string, source: KnownText['source'], workspace = 'w'): string | undefined {
  const text = told().texts.findLast(
    (each) => each.hash === hash && each.source === source && each.workspace === workspace,
  );
  return text && `${text.name}@${text.version}`;
}

describe('of several writers that were left behind', () => {
  it('one is told all from the start again whenever another one asks, and never comes to the end', () => {
    const many = 25_000;
    renderings = new Renderings(nopRegistryEvents, many);
    for (let at = 0; at < 4 * many; at++) renderings.handedOut(key('a'), `h${at}`);
    const known = [new Set<string>(), new Set<string>()];
    const versions = [0, 0];
    for (let round = 0; round < 4; round++) {
      for (const writer of [0, 1]) {
        const { version, texts } = renderings.since(versions[writer]!);
        versions[writer] = version;
        for (const { hash } of texts) known[writer]!.add(hash);
      }
    }
    for (const texts of known) expect(texts).toContain(`h${4 * many - 1}`);
    expect(versions[0]).toBe(versions[1]);
    renderings.handedOut(key('a'), 'later');
    expect(renderings.since(versions[0]!).texts.map(({ hash }) => hash)).toEqual(['later']);
  });
});

describe('a text that is handed out', () => {
  it('is told again to who was told of it, or is not told to who was not', () => {
    renderings.handedOut(key('a'), 'h1');
    const { version, texts } = told();
    expect(texts).toEqual([{ source: 'rendering', ...hashed('h1', 'a') }]);
    renderings.handedOut(key('a'), 'h1');
    expect(told(version).texts).toEqual([]);
    renderings.handedOut(key('b'), 'h2');
    expect(told(version).texts.map(({ hash }) => hash)).toEqual(['h2']);
  });

  it('stands for the version before the last that it was handed out for', () => {
    renderings.handedOut(key('a', '2.0.0'), 'h');
    renderings.handedOut(key('a', '1.0.0'), 'h');
    expect(meaning('h', 'rendering')).toBe('a@1.0.0');
  });

  it('is the same text in another workspace', () => {
    renderings.handedOut(key('a'), 'h');
    expect(meaning('h', 'rendering', 'v')).toBeUndefined();
  });

  it('takes more room than there is, or is forgotten while it is in use', () => {
    renderings.handedOut(key('used'), 'used');
    for (let at = 0; at < 20 * MAX; at++) {
      renderings.handedOut(key('once'), `h${at}`);
      renderings.handedOut(key('used'), 'used');
    }
    // From before all that the log has: all that is known.
    const hashes = new Set(renderings.since(0).texts.map(({ hash }) => hash));
    expect(hashes.size).toBeLessThanOrEqual(MAX);
    expect(hashes).toContain('used');
    expect(hashes).toContain(`h${20 * MAX - 1}`);
    expect(forgotten + hashes.size).toBeGreaterThanOrEqual(20 * MAX);
  });
});

describe('a text as it is written', () => {
  it('stands for a lower version, or for a pre-release behind it', () => {
    for (const version of ['1.2.0', '1.10.0', '2.0.0-rc.1', '1.9.0']) renderings.learn(hashed('h', 'a', version));
    expect(meaning('h', 'template')).toBe('a@1.10.0');
  });

  it('that two prompts have is taken for one of them, until the other is gone', () => {
    renderings.learn(hashed('h', 'a'));
    renderings.learn(hashed('h', 'b', '3.0.0'));
    expect(meaning('h', 'template')).toBe('@');
    renderings.unlearn(hashed('h', 'a', '0.9.0'));
    expect(meaning('h', 'template')).toBe('@');
    renderings.unlearn(hashed('h', 'a'));
    expect(meaning('h', 'template')).toBe('b@3.0.0');
    renderings.unlearn(hashed('h', 'b', '3.0.0'));
    expect(meaning('h', 'template')).toBe('@');
  });

  it('goes when renderings come', () => {
    renderings.learn(hashed('h', 'a'));
    for (let at = 0; at < 20 * MAX; at++) renderings.handedOut(key('once'), `h${at}`);
    expect(meaning('h', 'template')).toBe('a@1.0.0');
    for (let at = 0; at < MAX; at++) renderings.learn(hashed(`t${at}`, 'a'));
    for (let at = 0; at < 4 * MAX; at++) renderings.handedOut(key('once'), `again${at}`);
    expect(renderings.since(0).texts.filter(({ source }) => source === 'template')).toHaveLength(MAX);
    expect(renderings.since(0).texts.some(({ hash }) => hash === 'h')).toBe(false);
  });
});

describe('a writer thread', () => {
  const source = recordSource(3);

  function writer() {
    const enrichment = new Enrichment();
    const knowledge = createKnowledge({
      prices: { snapshot: () => ({ version: 1, prices: [] }) },
      prompts: renderings,
    });
    const frameOf = (workspace: string, attributes: object): DecodedFrame =>
      ({
        workspace,
        spans: [{ ...source.trace(1)[0]!, attributes: JSON.stringify(attributes) }],
        logRecords: [],
      }) as never;
    const generationOf = (text: string, { workspace = 'w', ...more } = {} as { workspace?: string }) => {
      enrichment.learn(knowledge.since(enrichment.known));
      const messages = JSON.stringify([{ role: 'system', parts: [{ type: 'text', content: text }] }]);
      const chat = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm', 'gen_ai.input.messages': messages };
      const frame = frameOf(workspace, { ...chat, ...more });
      enrichment.enrich(frame);
      const { promptName, promptVersion } = frame.spans[0]!.generation!;
      return `${promptName}@${promptVersion}`;
    };
    return { generationOf };
  }

  it('takes what is written for surer than what was handed out', () => {
    const { generationOf } = writer();
    renderings.learn(hashed(promptHashOf('Be brief.'), 'a', '2.0.0'));
    expect(generationOf('Be brief.')).toBe('a@2.0.0');
    renderings.handedOut(key('a', '1.0.0'), promptHashOf('Be brief.'));
    expect(generationOf('Be brief.')).toBe('a@1.0.0');
  });

  it('recognises a prompt by the text of another workspace, or by one that several have', () => {
    const { generationOf } = writer();
    renderings.learn(hashed(promptHashOf('Be brief.'), 'a'));
    expect(generationOf('Be brief.', { workspace: 'v' })).toBe('@');
    renderings.learn(hashed(promptHashOf('Be brief.'), 'b'));
    expect(generationOf('Be brief.')).toBe('@');
  });

  it('overrules the name that a span has', () => {
    const { generationOf } = writer();
    renderings.learn(hashed(promptHashOf('Be brief.'), 'a'));
    expect(generationOf('Be brief.', { 'gen_ai.prompt.name': 'own' } as object)).toBe('own@');
  });

  it('that was left behind for long does not know what is known still', () => {
    const { generationOf } = writer();
    renderings.learn(hashed(promptHashOf('Be brief.'), 'a'));
    for (let at = 0; at < 30 * MAX; at++) {
      renderings.handedOut(key('used'), promptHashOf('Be used.'));
      renderings.handedOut(key('once'), `h${at}`);
      if (at % MAX === 0) generationOf('Be silent.');
    }
    expect([generationOf('Be used.'), generationOf('Be brief.')]).toEqual(['used@1.0.0', 'a@1.0.0']);
  });
});

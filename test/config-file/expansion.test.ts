// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what the files hold
import { describe, expect, it } from 'vitest';
import { expandText } from '../../src/config-file/expansion.js';

const variables: Record<string, string> = { HOST: 'db', EMPTY: '', NESTED: '${HOST}' };
const surroundings = {
  variable: (name: string) => variables[name],
  file(name: string) {
    if (name !== '/run/token') throw Object.assign(new Error(), { code: 'ENOENT' });
    return 's3cret\n';
  },
};
const expand = (text: string) => expandText(text, surroundings);

describe('variables in a text', () => {
  it.each([
    ['${env:HOST}', 'db'],
    ['${HOST}', 'db'],
    ['a-${HOST}-b-${HOST}', 'a-db-b-db'],
    ['${env:NONE:-fallback}', 'fallback'],
    ['${NONE:-}', ''],
    ['${NONE:-http://x:1/a-b}', 'http://x:1/a-b'],
    ['${NONE:-${env:HOST}}', 'db'],
    // OpenTelemetry's configuration: empty is as good as not set.
    ['${EMPTY:-fallback}', 'fallback'],
    ['${EMPTY}', ''],
    ['$$', '$'],
    ['$${HOST}', '${HOST}'],
    ['$$$${HOST}', '$${HOST}'],
    ['$$${HOST}', '$db'],
    // A bare name is text, and so is what a variable holds.
    ['$HOST', '$HOST'],
    ['100$', '100$'],
    ['${NESTED}', '${HOST}'],
    ['${file:/run/token}', 's3cret'],
  ])('%s is %s', (text, expected) => {
    expect(expand(text)).toMatchObject({ text: expected, faults: [], warnings: [] });
  });

  it('one that is not set is empty, and told', () => {
    const { text, warnings } = expand('a${env:NONE}b');
    expect(text).toBe('ab');
    expect(warnings).toEqual(['the variable NONE is not set: taken as empty']);
  });

  it.each(['${HOST', '${1HOST}', '${}', '${A B}', '${yaml:a}', '${https://x}', '${file:/nowhere}'])(
    '%s is a fault',
    (text) => expect(expand(text).faults).toHaveLength(1),
  );
});

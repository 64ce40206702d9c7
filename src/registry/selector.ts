/** Which version of a prompt is meant. Neither: the highest release, or the highest pre-release where there is no release. */
export type Selector = { version: string } | { label: string } | undefined;

/** The label that the server keeps by itself. */
export const LATEST = 'latest';
const LABEL = /^[a-zA-Z0-9_.-]{1,128}$/;

export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

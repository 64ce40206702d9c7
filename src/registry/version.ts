/** Versions as Semantic Versioning 2.0.0 writes and orders them, without build metadata; leading zeros are read over. */

const MAX_VERSION_CHARACTERS = 64;
const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** No Git reference ends like that (git-check-ref-format). */
const RESERVED_END = '.lock';

export function isVersion(text: string): boolean {
  return text.length <= MAX_VERSION_CHARACTERS && VERSION.test(text) && !text.endsWith(RESERVED_END);
}

export function isPrerelease(version: string): boolean {
  return version.includes('-');
}

/** Digits in front of the digits: as many as there are decide before what they are. */
function numberKey(digits: string): string {
  const significant = digits.replace(/^0+(?=\d)/, '');
  return String(significant.length).padStart(2, '0') + significant;
}

/** Numbers before words; the space ends a word before any of its letters would. */
function identifierKey(identifier: string): string {
  return /^\d+$/.test(identifier) ? `0${numberKey(identifier)}` : `1${identifier} `;
}

/** Of versions, as text that sorts by its bytes in their order of precedence (section 11). Of a version alone. */
export function sortKeyOf(version: string): string {
  const [, major, minor, patch, prerelease] = VERSION.exec(version)!;
  const core = [major!, minor!, patch!].map(numberKey).join('');
  // '~' is behind '-': a release follows its pre-releases.
  return prerelease === undefined ? `${core}~` : `${core}-${prerelease.split('.').map(identifierKey).join('')}`;
}

/** Whether it is the later one of two of a prompt: pre-releases come before all releases. */
export function outranks(version: string, other: string): boolean {
  if (isPrerelease(version) !== isPrerelease(other)) return isPrerelease(other);
  return sortKeyOf(version) > sortKeyOf(other);
}

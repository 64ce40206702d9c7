/** The user and the password that a URL may name. */

/** As basic authorization (RFC 7617), which clients make of them; undefined where the URL names nobody. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const credentials = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function withoutUser(url: URL): URL {
  const own = new URL(url);
  own.username = '';
  own.password = '';
  return own;
}

/** `http://user:password@host`, or what was meant to be that: up to the last `@`, for a password may hold what it should not. */
const WITH_SCHEME = /^([a-z][a-z0-9+.-]*:\/\/)\S*@/i;
/** `user:password@host`, `token@host:4317` */
const WITHOUT_SCHEME = /^(?:[^\s:]+:\S*@(?=[\w.[\]-]+(?::\d+)?$)|\S+@(?=[\w.[\]-]+:\d+$))/;

/** A setting as it may be shown: whatever it is, no password stands in it as URLs have theirs. */
export function withoutPassword(text: string, instead: string): string {
  return WITH_SCHEME.test(text)
    ? text.replace(WITH_SCHEME, `$1${instead}@`)
    : text.replace(WITHOUT_SCHEME, `${instead}@`);
}

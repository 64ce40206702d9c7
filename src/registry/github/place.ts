/** Which repository is meant, and where its two doors are: REST, and Git over HTTPS. */
export interface GithubPlace {
  owner: string;
  repository: string;
  branch: string;
  apiUrl: string;
  gitUrl: string;
}

/** The API of github.com is at a host of its own, that of an Enterprise server under a path of its host. */
function hostOf(apiUrl: string): string {
  const { protocol, host, pathname } = new URL(apiUrl);
  const ownHost = pathname === '/' && host.startsWith('api.');
  return `${protocol}//${ownHost ? host.slice('api.'.length) : host}`;
}

/** `repo`: `owner/repository`. */
export function placeOf({ repo, branch, apiUrl }: { repo: string; branch: string; apiUrl: string }): GithubPlace {
  const [owner = '', repository = ''] = repo.split('/');
  const gitUrl = `${hostOf(apiUrl)}/${owner}/${repository}.git`;
  return { owner, repository, branch, apiUrl: apiUrl.replace(/\/+$/, ''), gitUrl };
}

/** Basic authentication of Git over HTTPS: the name of the user is of no account, the token is the password. */
export function credentialsOf(token: string): { username: string; password: string } {
  return { username: 'x-access-token', password: token };
}

/** Throw-away authorities and certificates, made with the openssl program. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Certificate {
  certFile: string;
  keyFile: string;
  cert: Buffer;
  key: Buffer;
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function read(certFile: string, keyFile: string): Certificate {
  return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** A certificate that signs itself, or others. */
export function createAuthority(directory: string, name: string): Certificate {
  const certFile = path.join(directory, `${name}.crt`);
  const keyFile = path.join(directory, `${name}.key`);
  openssl('req', '-x509', ...NEW_KEY, '-keyout', keyFile, '-out', certFile, '-days', '2', '-subj', `/CN=${name}`);
  return read(certFile, keyFile);
}

/** A certificate for localhost and 127.0.0.1. */
export function createCertificate(directory: string, name: string, authority: Certificate): Certificate {
  const certFile = path.join(directory, `${name}.crt`);
  const keyFile = path.join(directory, `${name}.key`);
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const signed = ['-CA', authority.certFile, '-CAkey', authority.keyFile];
  openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    ...names,
    ...signed,
    '-keyout',
    keyFile,
    '-out',
    certFile,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
  );
  return read(certFile, keyFile);
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { GatewayError } from '../../src/errors.js';

export interface TlsConfig {
  tlsCertFile?: string | undefined;
  tlsKeyFile?: string | undefined;
  tlsClientCaFile?: string | undefined;
  tlsReloadIntervalMs: number;
}

interface Material {
  cert: Buffer;
  key: Buffer;
  ca: Buffer | undefined;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function invalid(setting: string, file: string | undefined, reason: string, cause?: unknown): GatewayError {
  return new GatewayError('CONFIG_INVALID', `${setting} (${file ?? 'not set'}): ${reason}`, { cause });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function read(setting: string, file: string | undefined): Promise<Buffer> {
  if (file === undefined) throw invalid(setting, file, 'a certificate and its key belong together');
  try {
    return await readFile(file);
  } catch (error) {
    throw invalid(setting, file, reasonOf(error), error);
  }
}

/** node:tls takes an empty list of authorities, or a file of something else, without a word: look at each one. */
function checkCertificates(setting: string, file: string, pem: Buffer): X509Certificate {
  const certificates = pem.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  try {
    const [first] = certificates.map((text) => new X509Certificate(text));
    if (first) return first;
  } catch (error) {
    throw invalid(setting, file, `a certificate in it is damaged: ${reasonOf(error)}`, error);
  }
  throw invalid(setting, file, 'there is no PEM certificate in it');
}

function checkKey(file: string, key: Buffer, certificate: X509Certificate): void {
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw invalid('OTLP_TLS_KEY_FILE', file, `there is no usable private key in it: ${reasonOf(error)}`, error);
  }
  if (!matches) throw invalid('OTLP_TLS_KEY_FILE', file, 'the key is not that of the certificate');
}

async function load({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: TlsConfig): Promise<Material> {
  const cert = await read('OTLP_TLS_CERT_FILE', tlsCertFile);
  const key = await read('OTLP_TLS_KEY_FILE', tlsKeyFile);
  checkKey(tlsKeyFile!, key, checkCertificates('OTLP_TLS_CERT_FILE', tlsCertFile!, cert));
  const ca = tlsClientCaFile === undefined ? undefined : await read('OTLP_TLS_CLIENT_CA_FILE', tlsClientCaFile);
  if (ca) checkCertificates('OTLP_TLS_CLIENT_CA_FILE', tlsClientCaFile!, ca);
  return { cert, key, ca };
}

function equal(a: Material, b: Material): boolean {
  return a.cert.equals(b.cert) && a.key.equals(b.key) && (a.ca ?? a.cert).equals(b.ca ?? b.cert);
}

function contextOf({ cert, key, ca }: Material): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca && { ca }) };
}

function serverOptionsOf(material: Material): TlsOptions {
  const mutual = material.ca !== undefined;
  return { ...contextOf(material), requestCert: mutual, rejectUnauthorized: mutual };
}

export interface TlsWatch {
  /** New material, checked: for `server.setSecureContext`. */
  apply(context: SecureContextOptions): void;
  reloaded(): void;
  /** Once per distinct failure; what was read last stays in use. */
  failed(error: GatewayError): void;
}

export interface Tls {
  serverOptions: TlsOptions;
  /** Returns what stops it. */
  watch(watch: TlsWatch): () => void;
}

/**
 * The material of the TLS files, undefined when none is set. Throws CONFIG_INVALID naming the setting and the file.
 * Files are compared by content: orchestrators swap them by symbolic link, which file watching misses; and a certificate
 * that is new while its key is still old is a failure that heals by itself at the next look.
 */
export async function loadTls(config: TlsConfig): Promise<Tls | undefined> {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile, tlsReloadIntervalMs } = config;
  if ((tlsCertFile ?? tlsKeyFile ?? tlsClientCaFile) === undefined) return undefined;
  let current = await load(config);
  let lastFailure = '';

  async function look(watch: TlsWatch): Promise<void> {
    try {
      const material = await load(config);
      lastFailure = '';
      if (equal(material, current)) return;
      watch.apply(contextOf(material));
      current = material;
      watch.reloaded();
    } catch (error) {
      const failure =
        error instanceof GatewayError ? error : invalid('OTLP_TLS_CERT_FILE', tlsCertFile, reasonOf(error));
      if (failure.message !== lastFailure) watch.failed(failure);
      lastFailure = failure.message;
    }
  }

  return {
    serverOptions: serverOptionsOf(current),
    watch(watch) {
      let looking = false;
      const timer = setInterval(async () => {
        if (looking) return;
        looking = true;
        await look(watch);
        looking = false;
      }, tlsReloadIntervalMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/** The way to each backend: name, connection, certificate, and whether it takes the key. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Config } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { deepgramUrl } from '../../backend/deepgram-config.ts';
import { probeDeepgram } from '../../backend/deepgram-probe.ts';
import { probeOpenAi } from '../../backend/openai-probe.ts';
import { realtimeUrl } from '../../backend/openai-config.ts';
import type { Finding } from './finding.ts';
import { fail, pass, skip, warn } from './finding.ts';
import { LIMITS } from '../../limits.ts';

type BackendConfig = Config['backends'][string];

/** What is asked besides the configuration. */
export interface BackendChecks {
  readonly clock: Clock;
  /** Certificates to trust besides Node's own, PEM; for servers of an authority of one's own. */
  readonly ca?: string;
}

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is told of, days. */
const CERTIFICATE_DAYS = 14;
/** DNS and TCP together, ms: an answer waits for neither, a call's beginning for both. */
const SLOW_MS = 400;

/** Every backend of the configuration. */
export async function checkBackends(config: Config, checks: BackendChecks): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, backend] of Object.entries(config.backends))
    findings.push(...(await checkBackend(name, backend, checks)));
  return findings;
}

async function checkBackend(name: string, backend: BackendConfig, checks: BackendChecks): Promise<Finding[]> {
  const about = name;
  if (backend.kind === 'embedded') {
    return [
      warn('backend.kind', 'it is the embedded one, for trying things out', 'name a real backend for callers', {
        about,
      }),
    ];
  }
  const url = urlOf(backend);
  const findings = [...key(about, backend)];
  const reached = await reach(about, url, checks);
  findings.push(...reached);
  if (backend.kind === 'websocket') return findings;
  if (reached.some(({ verdict }) => verdict === 'fail'))
    return [...findings, skip('backend.probe', 'it cannot be asked', { about })];
  return [...findings, await probe(about, backend, checks)];
}

function urlOf(backend: Exclude<BackendConfig, { kind: 'embedded' }>): URL {
  if (backend.kind === 'openai') return realtimeUrl(backend);
  return backend.kind === 'deepgram' ? deepgramUrl(backend) : new URL(backend.url);
}

/** That a key looks like one; what it is stays untold. */
function key(about: string, backend: BackendConfig): Finding[] {
  if (backend.kind !== 'openai' && backend.kind !== 'deepgram') return [];
  const { apiKey } = backend;
  const atProvider = (backend.kind === 'openai' ? backend.baseUrl : backend.url) === undefined;
  if (apiKey === '') {
    const variable = backend.kind === 'openai' ? 'OPENAI_API_KEY' : 'DEEPGRAM_API_KEY';
    return atProvider
      ? [fail('backend.key', 'there is no key', `put it into apiKeyFile, or the variable ${variable}`, { about })]
      : [pass('backend.key', 'no key is configured; the server may not want one', { about })];
  }
  if (/\s|["'\u0080-\uffff]/.test(apiKey)) {
    return [
      fail(
        'backend.key',
        'the key has blanks, quotes or characters that no key has',
        'copy it anew, without quotes and line breaks',
        { about },
      ),
    ];
  }
  const prefix = backend.kind === 'openai' && atProvider ? 'sk-' : '';
  const short = apiKey.length < 20 || !apiKey.startsWith(prefix);
  return short
    ? [
        warn(
          'backend.key',
          `the key does not look like one (${prefix}…, forty characters and more)`,
          'copy it anew from the pages of the provider',
          { about },
        ),
      ]
    : [pass('backend.key', 'there is a key', { about })];
}

async function reach(about: string, url: URL, checks: BackendChecks): Promise<Finding[]> {
  const { clock } = checks;
  const secure = url.protocol === 'wss:' || url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const fromMs = clock.nowMs();
  let address: string;
  try {
    address = (await lookup(host)).address;
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return [
      fail(
        'backend.dns',
        `the name ${host} is not found (${code})`,
        'look at the name in the configuration, and at the resolver (/etc/resolv.conf)',
        { about },
      ),
    ];
  }
  const foundMs = clock.nowMs();
  const failed = await connection(host, address, port, secure, checks);
  const doneMs = clock.nowMs();
  const figures = { dnsMs: Math.round(foundMs - fromMs), connectMs: Math.round(doneMs - foundMs) };
  const findings = [pass('backend.dns', `${host} is found in ${figures.dnsMs} ms`, { about, figures })];
  if (typeof failed === 'string') {
    return [
      ...findings,
      fail(
        'backend.connect',
        `port ${port} does not answer (${failed})`,
        'open the way out to it in the firewall; behind a proxy, let talkspurt out past it',
        { about, figures },
      ),
    ];
  }
  const text = `port ${port} answers in ${figures.connectMs} ms${secure ? ', TLS included' : ''}`;
  findings.push(
    figures.dnsMs + figures.connectMs < SLOW_MS
      ? pass('backend.connect', text, { about, figures })
      : warn(
          'backend.connect',
          `${text}: callers wait for it at the beginning`,
          'take a region that is nearer, and a resolver that caches',
          { about, figures },
        ),
  );
  if (failed !== null) findings.push(certificate(about, failed, checks));
  return findings;
}

interface Certificate {
  /** Why it is not trusted; null: it is. */
  readonly refusal: string | null;
  readonly validTo: number;
}

/** The certificate (null without TLS), or the code for which there is no connection. */
async function connection(
  host: string,
  address: string,
  port: number,
  secure: boolean,
  { clock, ca }: BackendChecks,
): Promise<Certificate | string | null> {
  return await new Promise((resolve) => {
    const socket = secure
      ? connectTls({
          host: address,
          port,
          // Verified below: what is wrong is to be said, and nothing is sent.
          rejectUnauthorized: false,
          ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }),
          ...(ca === undefined ? {} : { ca }),
        })
      : connect({ host: address, port });
    const timer = clock.after(LIMITS.doctorCheckMs, () =>
      socket.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })),
    );
    const finish = (result: Certificate | string | null): void => {
      timer.cancel();
      socket.destroy();
      resolve(result);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'unknown'));
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      if (!('getPeerCertificate' in socket)) return finish(null);
      const { valid_to: validTo } = socket.getPeerCertificate();
      const refusal = socket.authorizationError as Error | string | null | undefined;
      finish({
        refusal: refusal ? String((refusal as NodeJS.ErrnoException).code ?? refusal) : null,
        validTo: Date.parse(validTo),
      });
    });
  });
}

function certificate(about: string, { refusal, validTo }: Certificate, { clock }: BackendChecks): Finding {
  const days = Math.floor((validTo - clock.wallTimeMs()) / DAY_MS);
  const extra = { about, figures: { certificateDays: days } };
  if (days < 0 || refusal === 'CERT_HAS_EXPIRED') {
    return fail(
      'backend.certificate',
      `its certificate expired ${Math.max(0, -days - 1)} days ago`,
      "have it renewed; if it is the provider's, look at this machine's clock",
      extra,
    );
  }
  if (refusal === 'CERT_NOT_YET_VALID')
    return fail('backend.certificate', 'its certificate is not valid yet', "look at this machine's clock", extra);
  if (refusal !== null) {
    return fail(
      'backend.certificate',
      `its certificate is not trusted (${refusal})`,
      'a proxy that opens TLS, or an authority of your own: start Node with NODE_EXTRA_CA_CERTS=/path/authority.pem',
      extra,
    );
  }
  return days < CERTIFICATE_DAYS
    ? warn('backend.certificate', `its certificate ends in ${days} days`, 'have it renewed', extra)
    : pass('backend.certificate', `its certificate is valid for ${days} days`, extra);
}

async function probe(
  about: string,
  backend: Extract<BackendConfig, { kind: 'openai' | 'deepgram' }>,
  { clock }: BackendChecks,
): Promise<Finding> {
  try {
    const { latencyMs } = await (backend.kind === 'openai'
      ? probeOpenAi(backend, { clock })
      : probeDeepgram(backend, { clock }));
    const taken = backend.kind === 'openai' ? 'knows the key and the model' : 'takes the key and the agent';
    return pass('backend.probe', `it ${taken} (${Math.round(latencyMs)} ms)`, {
      about,
      figures: { probeMs: Math.round(latencyMs) },
    });
  } catch (error) {
    const { code, message } = asTalkspurtError(error);
    if (!(error instanceof TalkspurtError)) throw error;
    const fix = /AUTH|DENIED|SECRET/.test(code)
      ? 'put a valid key into the configuration, of an account that may use this model'
      : 'look at the status page of the provider, and at model and address';
    return fail('backend.probe', `${message} (${code})`, fix, { about });
  }
}

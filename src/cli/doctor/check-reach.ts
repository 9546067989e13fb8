/** The way to a server: its name, a connection, its certificate. Nothing is sent. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock, Timer } from '../../core/clock.ts';
import { LIMITS } from '../../limits.ts';
import type { Finding } from './finding.ts';
import { fail, pass, warn } from './finding.ts';

/** What is asked besides the address. */
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

/** The way to `url`, whose server is told of as `about`. */
export async function reach(about: string, url: URL, checks: BackendChecks): Promise<Finding[]> {
  const { clock } = checks;
  const secure = url.protocol === 'wss:' || url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const fromMs = clock.nowMs();
  let address: string;
  try {
    address = await addressOf(host, clock);
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

/** A resolver that does not answer is not waited for longer than any other check. */
async function addressOf(host: string, clock: Clock): Promise<string> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = clock.after(LIMITS.doctorCheckMs, () => reject(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })));
  });
  try {
    return (await Promise.race([lookup(host), late])).address;
  } finally {
    timer?.cancel();
  }
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

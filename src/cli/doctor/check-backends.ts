/** The way to each backend: name, connection, certificate, and whether it takes the key. */
import type { Config } from '../../config.ts';
import { KEY_VARIABLES } from '../../config/load-config.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { deepgramUrl } from '../../backend/deepgram-config.ts';
import { probeDeepgram } from '../../backend/deepgram-probe.ts';
import { geminiUrl } from '../../backend/gemini-config.ts';
import { probeGemini } from '../../backend/gemini-probe.ts';
import { probeOpenAi } from '../../backend/openai-probe.ts';
import { realtimeUrl } from '../../backend/openai-config.ts';
import { reach } from './check-reach.ts';
import type { BackendChecks } from './check-reach.ts';
import { checkSpeech } from './check-speech.ts';
import type { Finding } from './finding.ts';
import { fail, pass, skip, warn } from './finding.ts';

type BackendConfig = Config['backends'][string];
/** Those of vendors, who can be asked. */
type AskedConfig = Extract<BackendConfig, { kind: 'openai' | 'deepgram' | 'gemini' }>;

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
  findings.push(
    reached.some(({ verdict }) => verdict === 'fail')
      ? skip('backend.probe', 'it cannot be asked', { about })
      : await probe(about, backend, checks),
  );
  if (backend.kind === 'openai' && backend.speech !== undefined)
    findings.push(...(await checkSpeech(about, backend.speech, checks)));
  return findings;
}

function urlOf(backend: Exclude<BackendConfig, { kind: 'embedded' }>): URL {
  if (backend.kind === 'openai') return realtimeUrl(backend);
  if (backend.kind === 'gemini') return geminiUrl(backend);
  return backend.kind === 'deepgram' ? deepgramUrl(backend) : new URL(backend.url);
}

/** That a key looks like one; what it is stays untold. */
function key(about: string, backend: BackendConfig): Finding[] {
  if (backend.kind === 'websocket' || backend.kind === 'embedded') return [];
  const { apiKey } = backend;
  const atProvider = (backend.kind === 'openai' ? backend.baseUrl : backend.url) === undefined;
  if (apiKey === '') {
    const variable = KEY_VARIABLES[backend.kind];
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

function ask(backend: AskedConfig, clock: BackendChecks['clock']): Promise<{ readonly latencyMs: number }> {
  if (backend.kind === 'openai') return probeOpenAi(backend, { clock });
  return backend.kind === 'gemini' ? probeGemini(backend, { clock }) : probeDeepgram(backend, { clock });
}

async function probe(about: string, backend: AskedConfig, { clock }: BackendChecks): Promise<Finding> {
  try {
    const { latencyMs } = await ask(backend, clock);
    const taken = backend.kind === 'deepgram' ? 'takes the key and the agent' : 'knows the key and the model';
    return pass('backend.probe', `it ${taken} (${Math.round(latencyMs)} ms)`, {
      about,
      figures: { probeMs: Math.round(latencyMs) },
    });
  } catch (error) {
    const { code, message } = asTalkspurtError(error);
    if (!(error instanceof TalkspurtError)) throw error;
    const fix = /AUTH|SECRET/.test(code)
      ? 'put a valid key into the configuration, of an account that may use this model'
      : code.endsWith('DENIED')
        ? 'look at address, model and credit, as the message says'
        : 'look at the status page of the provider, and at model and address';
    return fail('backend.probe', `${message} (${code})`, fix, { about });
  }
}

/** The configuration: is it one, and what of it is allowed and still not good. */
import { loadConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { ariTarget } from '../../gateway-asterisk.ts';
import type { Finding } from './finding.ts';
import { fail, pass, warn } from './finding.ts';

/** Null: it cannot be read, and nothing else can be looked at. */
export async function checkConfig(
  path: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<{ config: Config | null; findings: Finding[] }> {
  let config: Config;
  try {
    config = loadConfig({ path, env });
    for (const entry of config.switches) if (entry.kind === 'asterisk') await ariTarget(entry);
  } catch (error) {
    if (!(error instanceof TalkspurtError)) throw error;
    return { config: null, findings: [fail('config', `${error.message} (${error.code})`, fixFor(error))] };
  }
  const about = config.source;
  const findings = config.warnings.map((text) => warn('config', text, 'docs/configuration.md', { about }));
  if (Object.keys(config.profiles).length === 0) {
    findings.push(
      warn('config', 'it has no profile: no call can be given a voice', 'name one under profiles, with its backend', {
        about,
      }),
    );
  }
  const text = `${config.switches.length} switches, ${Object.keys(config.backends).length} backends, ${Object.keys(config.profiles).length} profiles`;
  return { config, findings: [pass('config', text, { about }), ...findings] };
}

function fixFor({ code }: TalkspurtError): string {
  if (code === 'ERR_TALKSPURT_CONFIG_UNREADABLE') return 'name it with --config, and let the user of talkspurt read it';
  return code === 'ERR_TALKSPURT_SECRET_MISSING'
    ? 'set the variable that is named, or name a file that holds the secret'
    : 'mend what is named by line and path; docs/configuration.md';
}

/** Each switch: does it let us in, which version is it, and does it have what calls need. */
import type { AsteriskConfig, Config, FreeswitchConfig } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { EslLink } from '../../switch/freeswitch/esl-link.ts';
import { EslNativeLink } from '../../switch/freeswitch/esl-native-link.ts';
import { detectModules } from '../../switch/freeswitch/module/module-detection.ts';
import { probeAsterisk } from '../probe-asterisk.ts';
import type { Finding } from './finding.ts';
import { fail, pass, skip, warn } from './finding.ts';

/** Oldest FreeSWITCH that is tested with. */
const FREESWITCH = [1, 10] as const;

/** Every switch of the configuration. */
export async function checkSwitches(config: Config, clock: Clock): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const entry of config.switches) {
    findings.push(
      ...(entry.kind === 'asterisk' ? await checkAsterisk(entry) : await checkFreeswitch(entry, config, clock)),
    );
  }
  return findings.length > 0 ? findings : [skip('switch.link', 'no switch is configured: name one under switches')];
}

async function checkAsterisk(entry: AsteriskConfig): Promise<Finding[]> {
  const about = entry.name;
  try {
    const lines = await probeAsterisk(entry);
    return lines.map((line) => {
      const text = line.replace(/^switch [^:]*: /, '');
      if (!text.startsWith('warning: ')) return pass('switch.link', text, { about });
      return warn('switch.modules', text.slice('warning: '.length), 'load it, and add it to modules.conf', { about });
    });
  } catch (error) {
    return [refused(about, asTalkspurtError(error), 'asterisk')];
  }
}

async function checkFreeswitch(entry: FreeswitchConfig, config: Config, clock: Clock): Promise<Finding[]> {
  const { name: about, host, port, password } = entry;
  const link = new EslNativeLink({ name: about, host, port, password, clock });
  let version: string | null = null;
  let refusal: TalkspurtError | null = null;
  try {
    await link.start({
      onUp: (said) => (version = said),
      onDown: (error) => (refusal ??= error),
      onEvent: () => undefined,
    });
    if (!link.up) {
      const why = refusal ?? new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the link did not come up');
      return [refused(about, why, 'freeswitch')];
    }
    return [versionLine(about, version ?? ''), ...(await modules(entry, config, link))];
  } catch (error) {
    return [refused(about, asTalkspurtError(error), 'freeswitch')];
  } finally {
    await link.close();
  }
}

function versionLine(about: string, said: string): Finding {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(said) ?? [];
  const text = `FreeSWITCH ${said.replace(/^FreeSWITCH Version /, '').trim()} is reached and knows the password`;
  if (major === undefined) return pass('switch.link', text, { about });
  const old = Number(major) < FREESWITCH[0] || (Number(major) === FREESWITCH[0] && Number(minor) < FREESWITCH[1]);
  return old
    ? warn('switch.link', text, `it is older than ${FREESWITCH.join('.')}, which is what is tested with: update it`, {
        about,
      })
    : pass('switch.link', text, { about });
}

/** What the configured media path needs. */
async function modules(entry: FreeswitchConfig, config: Config, link: EslLink): Promise<Finding[]> {
  const { name: about, media } = entry;
  const has = async (module: string): Promise<boolean> => (await link.api(`module_exists ${module}`)).trim() === 'true';
  const findings: Finding[] = [];
  if (media.kind === 'module') {
    const found = await detectModules(link);
    const names = found.map(({ module, edition }) => `${module} (${edition})`).join(', ');
    findings.push(
      names === ''
        ? fail(
            'switch.modules',
            'media.kind is module, and it has neither mod_audio_stream nor mod_audio_fork',
            'load mod_audio_stream (and modules.conf.xml), or set media.kind to sip',
            { about },
          )
        : pass('switch.modules', `it has ${names}`, { about }),
    );
  }
  if (media.kind === 'sip') {
    findings.push(await sofia(about, media.gateway, config, has, link));
  }
  const loopback = await has('mod_loopback');
  findings.push(
    loopback
      ? pass('switch.modules', 'it has mod_loopback', { about })
      : warn(
          'switch.modules',
          'it has no mod_loopback: bridged calls cannot be tapped by unicast, and the doctor cannot call',
          'load mod_loopback, and add it to modules.conf.xml',
          { about },
        ),
  );
  return findings;
}

async function sofia(
  about: string,
  profile: string,
  config: Config,
  has: (module: string) => Promise<boolean>,
  link: EslLink,
): Promise<Finding> {
  if (config.sip === false)
    return fail(
      'switch.modules',
      'media.kind is sip, and our sip is closed',
      'open sip in the configuration, or set media.kind to unicast',
      { about },
    );
  if (!(await has('mod_sofia'))) {
    return fail(
      'switch.modules',
      'media.kind is sip, and it has no mod_sofia',
      'load mod_sofia, or set media.kind to unicast',
      { about },
    );
  }
  const reply = await link.api(`sofia status profile ${profile}`);
  if (/Invalid Profile/i.test(reply)) {
    return fail(
      'switch.modules',
      `it runs no SIP profile ${profile}`,
      `sofia profile ${profile} start, or name one that runs in media.gateway (sofia status)`,
      { about },
    );
  }
  return pass('switch.modules', `it has mod_sofia with the profile ${profile}`, { about });
}

function refused(about: string, { code, message }: TalkspurtError, kind: 'freeswitch' | 'asterisk'): Finding {
  const id = code === 'ERR_TALKSPURT_NOT_SUPPORTED' ? 'switch.modules' : 'switch.link';
  return fail(id, `${message} (${code})`, fixFor(code, kind), { about });
}

function fixFor(code: ErrorCode, kind: 'freeswitch' | 'asterisk'): string {
  const fs = kind === 'freeswitch';
  switch (code) {
    case 'ERR_TALKSPURT_LINK_AUTH':
      return fs
        ? 'set password (passwordFile) to that of event_socket.conf.xml'
        : 'set username and password to those of a user in ari.conf; core reload';
    case 'ERR_TALKSPURT_LINK_DENIED':
      return fs
        ? 'let our address in: apply-inbound-acl of event_socket.conf.xml'
        : 'the user of ari.conf may not write (read_only = no), or its HTTP server lets nobody in: http.conf';
    case 'ERR_TALKSPURT_LINK_REFUSED':
      return fs
        ? 'is FreeSWITCH up, mod_event_socket loaded, and does listen-ip of event_socket.conf.xml reach as far as us?'
        : 'is Asterisk up, and has http.conf enabled = yes and a bindaddr that reaches as far as us?';
    case 'ERR_TALKSPURT_LINK_TIMEOUT':
      return 'a firewall drops what is sent to it: open the port from here to the switch';
    case 'ERR_TALKSPURT_NOT_SUPPORTED':
      return 'load the modules that are named (module load …, and modules.conf), or set media.kind to auto';
    default:
      return 'docs/errors.md says what the code means';
  }
}

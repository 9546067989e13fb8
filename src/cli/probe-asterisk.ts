/** Asks an Asterisk what it can do, as `check --online` does: over HTTP, so that no running talkspurt loses its application. */
import type { AsteriskConfig } from '../config.ts';
import { SystemClock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { ariTarget } from '../gateway-asterisk.ts';
import { INFO_REQUEST, readAnswer, readInfo } from '../switch/asterisk/ari-answer.ts';
import { AriHttp } from '../switch/asterisk/ari-http.ts';
import { refusedWithStatus } from '../switch/asterisk/ari-link-error.ts';
import { askCapabilities, choosePath, describeCapabilities } from '../switch/asterisk/asterisk-capabilities.ts';

/**
 * Lines for people: its version, its media paths with their formats, and the one that calls would take.
 * @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_CONFIG_INVALID; ERR_TALKSPURT_NOT_SUPPORTED when it could carry no call as configured
 */
export async function probeAsterisk(config: AsteriskConfig): Promise<string[]> {
  const target = await ariTarget(config);
  const http = new AriHttp(target, new SystemClock());
  try {
    const answer = await http.request(INFO_REQUEST);
    if (answer.status < 200 || answer.status > 299) throw refusedWithStatus(target, answer.status);
    const { version } = readInfo(readAnswer(INFO_REQUEST, answer));
    const request = async (asked: Parameters<AriHttp['request']>[0]): Promise<unknown> =>
      readAnswer(asked, await http.request(asked));
    const capabilities = await askCapabilities({ request }, version);
    const { name, media } = config;
    const lines = [
      `switch ${name}: Asterisk ${version} is reached and knows the password`,
      `switch ${name}: ${describeCapabilities(capabilities)}`,
    ];
    if (media.audioSocket.profile !== undefined && capabilities.missing.includes('app_audiosocket')) {
      lines.push(`switch ${name}: warning: its dialplan has no AudioSocket(): module load app_audiosocket.so`);
    }
    const path = choosePath(capabilities, { switchName: name, kind: media.kind, format: media.format });
    return [...lines, `switch ${name}: calls take ${path}, format ${media.format}`];
  } catch (error) {
    throw asTalkspurtError(error);
  } finally {
    http.close(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'it has been asked'));
  }
}

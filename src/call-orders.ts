/** Orders of operators, carried out on one session. */
import type { Backend } from './backend/backend.ts';
import type { OrderCommand } from './commands/command.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { AudioFormat } from './core/media.ts';
import type { Session } from './session/session.ts';

/** Where sounds and speech of our own come from: whole, in the format that is asked for. */
export interface SoundSource {
  /** A file of the sounds directory, or an http(s) URL. @throws ERR_TALKSPURT_SOUND, ERR_TALKSPURT_WAV_INVALID */
  sound(source: string, format: AudioFormat): Promise<Uint8Array>;
  /** @throws ERR_TALKSPURT_SPEECH_SYNTHESIS */
  speech(text: string, format: AudioFormat, keep: boolean): Promise<Uint8Array>;
}

/** What orders need besides the call. */
export interface CallOrderParts {
  readonly clock: Clock;
  readonly backends: ReadonlyMap<string, Backend>;
  readonly sounds: SoundSource | null;
  /** Where recordings go; null: none are made. */
  readonly recordingsDirectory: string | null;
}

/**
 * Carries `command` out; resolves to what the operator is told besides `+OK`, or null.
 * @throws ERR_TALKSPURT_NOT_RUNNING, _NOT_SUPPORTED, _UNKNOWN_PROFILE, and what the session refuses with
 */
export async function carryOutOrder(
  session: Session,
  command: OrderCommand,
  parts: CallOrderParts,
): Promise<string | null> {
  const { controls } = session;
  switch (command.verb) {
    case 'pause':
    case 'resume':
      controls.pause(command.verb === 'pause');
      return null;
    case 'mute':
    case 'unmute':
      controls.mute(command.who, command.verb === 'mute');
      return null;
    case 'mask':
      controls.mask(command.on);
      return null;
    case 'break':
      controls.breakOff();
      return null;
    case 'send_text':
      session.sendText(command.text);
      return null;
    case 'send_json':
      session.sendJson(command.json);
      return null;
    case 'play':
      return await play(session, parts, (sounds, format) => sounds.sound(command.source, format));
    case 'say':
      if (session.say(command.text)) return null;
      return await play(session, parts, (sounds, format) =>
        sounds.speech(command.text, format, session.options.speechCache),
      );
    case 'dtmf':
      await session.sendDtmf(command.digits);
      return null;
    case 'switch':
      await session.switchBackend(backendOf(command.backend, parts));
      return null;
    case 'transfer':
      await session.transfer(command.destination);
      return null;
    case 'whisper':
      if (session.leg.setWhisper === undefined) {
        const message = 'there is nobody to whisper to: this is no call between two people';
        throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
      }
      await session.leg.setWhisper(command.to);
      return null;
    case 'graceful-shutdown':
      session.shutDownGracefully();
      return null;
    case 'record':
      return command.on ? await startRecording(session, parts) : await controls.stopRecording();
  }
}

async function play(
  session: Session,
  parts: CallOrderParts,
  make: (sounds: SoundSource, format: AudioFormat) => Promise<Uint8Array>,
): Promise<null> {
  if (parts.sounds === null) {
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no source of sounds is configured: set sounds.directory');
  }
  const format = session.controls.soundFormat;
  const audio = await make(parts.sounds, format);
  session.controls.play(audio, format);
  return null;
}

async function startRecording(session: Session, parts: CallOrderParts): Promise<string> {
  const directory = parts.recordingsDirectory;
  if (directory === null) {
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'nothing is recorded here: set recordings.directory');
  }
  const stamp = new Date(parts.clock.wallTimeMs()).toISOString().replaceAll(/[-:.]/g, '');
  // A channel's identity may hold characters that a file system does not want.
  const name = session.callId.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const path = `${directory}/${name}-${stamp}.wav`;
  await session.controls.startRecording(path);
  return path;
}

function backendOf(name: string, parts: CallOrderParts): Backend {
  const backend = parts.backends.get(name);
  if (backend !== undefined) return backend;
  const known = [...parts.backends.keys()].join(', ');
  throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_PROFILE', `there is no such backend: use one of ${known}`);
}

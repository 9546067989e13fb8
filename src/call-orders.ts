/** Orders of operators, carried out on one session. */
import type { Backend } from './backend/backend.ts';
import { rememberVoice } from './call-memory.ts';
import type { OrderCommand } from './commands/command.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { AudioFormat } from './core/media.ts';
import type { DspLibrary } from './dsp/library.ts';
import type { HoldAudio } from './session/call-consultation.ts';
import type { Session } from './session/session.ts';
import type { CallLeg } from './switch/switch-adapter.ts';

/** Audio in the format that was asked for; borrowed. */
export interface Sound {
  readonly audio: Uint8Array;
  /** It was there already, or was being made. */
  readonly cached: boolean;
}

/** Where sounds and speech of our own come from: whole, in the format that is asked for. */
export interface SoundSource {
  /**
   * A file of the sounds directory, or an http(s) URL.
   * @throws ERR_TALKSPURT_SOUND, ERR_TALKSPURT_WAV_INVALID, ERR_TALKSPURT_HOST_DENIED
   */
  sound(source: string, format: AudioFormat): Promise<Sound>;
  /** @throws ERR_TALKSPURT_SPEECH_SYNTHESIS */
  speech(text: string, format: AudioFormat, keep: boolean): Promise<Sound>;
  /** What callers on hold hear, over and over. Absent: silence. @throws as {@link SoundSource.sound} */
  hold?(format: AudioFormat): Promise<Sound>;
  /** What converts sounds. @throws ERR_TALKSPURT_INTERNAL */
  dspLibrary(): Promise<DspLibrary>;
}

/** Where recordings go. */
export interface RecordingPlace {
  /** It is there already. */
  readonly directory: string;
  /** How long one may last, ms. Default LIMITS.recordingMaximumMs. */
  readonly maximumMs?: number;
}

/** What orders need besides the call. */
export interface CallOrderParts {
  readonly clock: Clock;
  /** A backend by its name, as the call of `leg` is to have it. @throws ERR_TALKSPURT_UNKNOWN_PROFILE */
  backendFor(leg: CallLeg, name: string): Backend;
  readonly sounds: SoundSource | null;
  /** Null: none are made. */
  readonly recordings: RecordingPlace | null;
}

const NOT_REMEMBERED = 'done, but a restart of ours would not know of it';

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
      return (await rememberVoice(session)) ? null : `${NOT_REMEMBERED}: the switch did not take it`;
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
      await play(session, parts, (sounds, format) => sounds.sound(command.source, format));
      return null;
    case 'say':
      if (!session.say(command.text)) await speak(session, parts, command.text);
      return null;
    case 'dtmf':
      await session.sendDtmf(command.digits);
      return null;
    case 'switch':
      await session.switchBackend(
        parts.backendFor(session.leg, command.backend),
        parts.sounds === null ? null : await parts.sounds.dspLibrary(),
      );
      // In another format what callers on hold hear has to be made anew.
      if (session.state === 'talking' && controls.held) await holdCaller(session, parts);
      return null;
    case 'hold':
      if (command.on) await holdCaller(session, parts);
      else session.unhold();
      return null;
    case 'transfer':
      if (command.attended) await session.consult(command.destination, await holdAudio(session, parts));
      else await session.transfer(command.destination);
      return null;
    case 'hangup':
      await session.stop('stopped', { hangup: true, hangupCause: command.cause });
      return null;
    case 'whisper':
      await whisper(session, command.to);
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
  make: (sounds: SoundSource, format: AudioFormat) => Promise<Sound>,
): Promise<Sound> {
  if (parts.sounds === null) {
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no source of sounds is configured: set sounds.directory');
  }
  const format = session.controls.soundFormat;
  const sound = await make(parts.sounds, format);
  session.controls.play(sound.audio, format);
  return sound;
}

async function holdCaller(session: Session, parts: CallOrderParts): Promise<void> {
  const { audio, format } = await holdAudio(session, parts);
  session.controls.hold(audio, format);
}

async function holdAudio(session: Session, { sounds }: CallOrderParts): Promise<HoldAudio> {
  const format = session.controls.soundFormat;
  const sound = await sounds?.hold?.(format);
  return { audio: sound?.audio ?? null, format };
}

/** An order that the call's end overtakes is not carried out, whatever the switch says of it. */
async function whisper(session: Session, to: 'none' | 'caller' | 'other' | 'both'): Promise<void> {
  const { leg, ended } = session;
  if (leg.setWhisper === undefined) {
    const message = 'there is nobody to whisper to: this is no call between two people';
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
  }
  const gone = (): never => {
    throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call ended before the order was carried out');
  };
  await Promise.race([leg.setWhisper(to), ended.then(gone)]);
  if (session.state !== 'talking' && session.state !== 'reconnecting') gone();
}

/** In our own voice. */
async function speak(session: Session, parts: CallOrderParts, text: string): Promise<void> {
  const { speechCache } = session.options;
  const { cached } = await play(session, parts, (sounds, format) => sounds.speech(text, format, speechCache));
  if (!speechCache) return;
  session.controls.spokenTexts += 1;
  if (cached) session.controls.cachedTexts += 1;
}

async function startRecording(session: Session, parts: CallOrderParts): Promise<string> {
  if (parts.recordings === null) {
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'nothing is recorded here: set recordings.directory');
  }
  const { directory, ...limits } = parts.recordings;
  const stamp = new Date(parts.clock.wallTimeMs()).toISOString().replaceAll(/[-:.]/g, '');
  // A channel's identity may hold characters that a file system does not want.
  const name = session.callId.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const path = `${directory}/${name}-${stamp}.wav`;
  await session.controls.startRecording(path, limits);
  return path;
}

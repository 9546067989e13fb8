/** From an answered channel to audio that flows: park, codec, permit, unicast, first datagram. */
import { delay } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { AudioFormat } from '../../core/media.ts';
import { isPtimeMs, isSampleRateHz } from '../../core/media.ts';
import { LIMITS } from '../../limits.ts';
import { UnicastTransport } from '../../transport/unicast-transport.ts';
import { PARK_MARK } from './channel-event.ts';
import type { ChannelWaits } from '../channel-waits.ts';
import type { EslLink } from './esl-link.ts';
import type { UnicastGuard } from './unicast-guard.ts';

/** How unicast is to be set up. */
export interface UnicastMediaOptions {
  /** Address of ours that sockets are bound to. */
  readonly bindHost: string;
  /** Address that the switch is told to send to. */
  readonly advertiseHost: string;
  /** Address of the switch's side, as an IP address: what it binds, and the only one that may send. */
  readonly switchHost: string;
  /** Take a leg's own G.711 where it has it. */
  readonly native: boolean;
  readonly portRange?: { readonly from: number; readonly to: number };
}

/** What an opening works with; all of it stays the leg's. */
export interface UnicastOpening {
  readonly guard: UnicastGuard;
  readonly waits: ChannelWaits;
  /** An API command about the channel, whose refusal is an error. */
  readonly command: (line: string) => Promise<string>;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: UnicastMediaOptions;
  readonly signal: AbortSignal;
  readonly late: (what: string) => TalkspurtError;
}

const CODEC_POLL_MS = 50;
const QUIET_PARK = 'unset:park_timeout,unset:send_silence_when_idle,set:max_forwards=70';

/**
 * Sends a channel to a park of ours that carries `mark`. What would disturb it is taken off the channel first: FreeSWITCH
 * ends a park at `park_timeout`, and with `send_silence_when_idle` speaks between our frames. Each transfer takes one off
 * `max_forwards`, and at zero FreeSWITCH hangs up: parks of ours are to be had without number.
 */
export function parkCommand(uuid: string, mark: string): string {
  return `uuid_transfer ${uuid} ${QUIET_PARK},set:${PARK_MARK}=${mark},park inline`;
}

/** Whether a channel, of which the switch says `channel`, is in the park that {@link parkCommand} sent it to with `mark`. */
export function isInPark(channel: Readonly<Record<string, string | undefined>>, mark: string): boolean {
  const { [`variable_${PARK_MARK}`]: own, variable_current_application: application } = channel;
  return own === mark && application === 'park' && channel['Channel-State'] === 'CS_EXECUTE';
}

/**
 * Opens the audio of an answered channel. When it rejects, its socket is freed; what the switch was told is for the
 * caller to take back.
 * @throws ERR_TALKSPURT_UNICAST_GUARD, _UNICAST_SILENT, _MEDIA_FORMAT, _MEDIA_BIND, _PORTS_EXHAUSTED, _CALL_GONE, _LINK_*
 */
export async function openUnicast(opening: UnicastOpening): Promise<UnicastTransport> {
  const { guard, waits, command, link, clock, media, signal, late } = opening;
  await command(parkCommand(guard.uuid, guard.repark()));
  await waits.wait({
    condition: () => guard.state !== 'parking',
    limitMs: LIMITS.mediaOpenMs,
    onTimeout: () => late('park the channel'),
    signal,
  });
  const codec = await readCodec(opening);
  const audio = await audioFormat(opening, codec);
  const told = Number(await variable(opening, 'rtp_use_codec_ptime'));
  const transport = await UnicastTransport.open({
    clock,
    bindHost: media.bindHost,
    sourceHost: media.switchHost,
    audio,
    ptimeMs: isPtimeMs(told) ? told : null,
    ...(media.portRange === undefined ? {} : { portRange: media.portRange }),
  });
  try {
    // None of the questions above was stopped by it; after this there is no way back.
    signal.throwIfAborted();
    await link.activateUnicast(guard.permit(), {
      localHost: media.switchHost,
      remoteHost: media.advertiseHost,
      remotePort: transport.port,
      native: audio.codec !== 'l16',
    });
    const flowing = new AbortController();
    const lost = waits.wait({
      // A hang-up ends the wait by itself, a playback by this.
      condition: () => guard.state === 'spent',
      limitMs: LIMITS.unicastFirstDatagramMs * 2,
      onTimeout: () => late('send audio'),
      signal: AbortSignal.any([signal, flowing.signal]),
    });
    const disturbed = lost.then(() => {
      throw new TalkspurtError(
        'ERR_TALKSPURT_UNICAST_SILENT',
        'the switch used the channel otherwise before audio came',
      );
    });
    try {
      await Promise.race([transport.firstDatagram(LIMITS.unicastFirstDatagramMs, signal), disturbed]);
    } finally {
      flowing.abort(late('be asked any longer'));
      disturbed.catch(() => undefined);
    }
    guard.flowing();
    waits.changed();
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}

/** The read codec; asked for again while there is none, because a channel is parked before its media is agreed on. */
async function readCodec(opening: UnicastOpening): Promise<string> {
  const { guard, clock, signal } = opening;
  const untilMs = clock.nowMs() + LIMITS.mediaOpenMs;
  for (;;) {
    const codec = await variable(opening, 'read_codec');
    if (codec !== null || clock.nowMs() >= untilMs) {
      guard.codecKnown(codec ?? '');
      return codec ?? '';
    }
    await delay(clock, CODEC_POLL_MS, signal);
  }
}

/** @throws ERR_TALKSPURT_MEDIA_FORMAT for what the signal chain does not run at */
async function audioFormat(opening: UnicastOpening, codec: string): Promise<AudioFormat> {
  const rate = Number(await variable(opening, 'read_rate'));
  const name = codec.toUpperCase();
  if (opening.media.native && rate === 8000 && name === 'PCMU') return { codec: 'pcmu', sampleRateHz: 8000 };
  if (opening.media.native && rate === 8000 && name === 'PCMA') return { codec: 'pcma', sampleRateHz: 8000 };
  if (isSampleRateHz(rate)) return { codec: 'l16', sampleRateHz: rate };
  const message = `a channel with ${name} at ${rate} Hz cannot be used: take a codec of 8000, 16000, 24000 or 48000 Hz`;
  throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
}

async function variable(opening: UnicastOpening, name: string): Promise<string | null> {
  const value = (await opening.command(`uuid_getvar ${opening.guard.uuid} ${name}`)).trim();
  return value === '_undef_' || value === '' ? null : value;
}

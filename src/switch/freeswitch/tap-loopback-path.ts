/**
 * An eavesdropper without SIP: one end of FreeSWITCH's own loopback eavesdrops, the other end is parked and has its audio on
 * unicast. That end is nobody's but ours, so a leg behind the guard has it like any parked call.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { EslLink } from './esl-link.ts';
import { isChannelId } from './esl-command-text.ts';
import { FreeswitchLeg } from './freeswitch-leg.ts';
import { OWNER_VARIABLE, TAP_NAME } from './left-behind-marks.ts';
import { orAborted } from './tap-path.ts';
import type { EavesdropPath, TapChannels, TapTarget } from './tap-path.ts';
import type { UnicastMediaOptions } from './unicast-opening.ts';

/** What it works with; all of it stays its owner's. */
export interface LoopbackPathParts {
  readonly switchName: string;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: UnicastMediaOptions;
  readonly channels: TapChannels;
  readonly target: TapTarget;
  /** Names our process on the eavesdropper to those after it. */
  readonly owner: string;
  /** The path ended, and not by `close`. May be called more than once. */
  onEnded(reason: string): void;
}

const NORMAL_CLEARING = 16;
const USUAL_RATE_HZ = 8000;

/** The loopback of one eavesdropper. */
export class LoopbackPath implements EavesdropPath {
  /** An application needs no dialplan. */
  readonly dial = 'loopback/app=park';
  readonly variables: readonly string[];
  readonly #parts: LoopbackPathParts;
  #leg: FreeswitchLeg | null = null;

  constructor(parts: LoopbackPathParts) {
    this.#parts = parts;
    this.variables = [`origination_caller_id_name=${TAP_NAME}`, `${OWNER_VARIABLE}=${parts.owner}`];
  }

  async open(uuid: string, originated: Promise<void>, signal: AbortSignal): Promise<MediaTransport> {
    await orAborted(originated, signal);
    const leg = this.#makeLeg(await this.#otherEnd(uuid));
    this.#leg = leg;
    await this.#parts.channels.watch(leg.id, (event) => leg.onEvent(event));
    await leg.answer(signal);
    const transport = await leg.openMedia(signal);
    const { sampleRateHz } = transport.format;
    if (sampleRateHz > this.#parts.target.rateHz) throw tooFast(sampleRateHz, this.#parts.target.rateHz);
    return transport;
  }

  onBlind(): void {
    this.#leg?.onBlind();
  }

  async onSighted(): Promise<void> {
    const leg = this.#leg;
    if (leg === null) return;
    const reply = await this.#parts.link.api(`uuid_exists ${leg.id}`);
    if (reply.trim() === 'false') leg.onMissing();
    else await leg.onSighted();
  }

  async close(): Promise<void> {
    const leg = this.#leg;
    if (leg === null) return;
    try {
      await leg.hangup(NORMAL_CLEARING);
    } catch (error) {
      // It hangs up with the eavesdropper, which is its other end.
      if (!(error instanceof TalkspurtError)) throw error;
    }
    await this.#parts.channels.unwatch(leg.id);
  }

  #makeLeg(uuid: string): FreeswitchLeg {
    const { switchName, link, clock, media, owner } = this.#parts;
    const leg = new FreeswitchLeg({
      uuid,
      switchName,
      from: '',
      to: '',
      variables: new Map(),
      // It is parked in early media, as every loopback that runs an application.
      answered: false,
      owner,
      link,
      clock,
      media: { kind: 'unicast', ...media },
      onReleased: () => Promise.resolve(),
    });
    leg.listen({
      onHangup: () => this.#parts.onEnded('the eavesdropper was hung up'),
      onDigit: () => undefined,
      onMediaEnded: (reason) => this.#parts.onEnded(reason),
    });
    return leg;
  }

  async #otherEnd(uuid: string): Promise<string> {
    const { link, switchName } = this.#parts;
    const reply = (await link.api(`uuid_getvar ${uuid} other_loopback_leg_uuid`)).trim();
    if (isChannelId(reply)) return reply;
    throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `${switchName} ended the eavesdropper at once`);
  }
}

/**
 * Whether a loopback of this switch may eavesdrop on such a channel. Its rate is a matter of the switch as a whole: a codec in
 * the dial string comes too late. @throws ERR_TALKSPURT_MEDIA_FORMAT, ERR_TALKSPURT_LINK_*
 */
export async function checkLoopbackRate(link: Pick<EslLink, 'api'>, target: TapTarget): Promise<void> {
  const codec = await link.api('global_getvar loopback_initial_codec');
  const rateHz = Number(/^\s*[\w.-]+@(?:\d+[ibc]@)*(\d+)h/i.exec(codec)?.[1] ?? USUAL_RATE_HZ);
  if (rateHz > target.rateHz) throw tooFast(rateHz, target.rateHz);
}

/** Half the frames at double speed, and a whisper that nobody hears: that is what it would be. */
function tooFast(rateHz: number, targetHz: number): TalkspurtError {
  const message = `an eavesdropper of ${rateHz} Hz cannot tap a call of ${targetHz} Hz: unset the global variable loopback_initial_codec, or tap over SIP`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
}

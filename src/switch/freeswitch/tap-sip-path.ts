/** An eavesdropper that is a SIP call to us: no park and no unicast, and a rate that can be asked for. */
import { TalkspurtError } from '../../core/errors.ts';
import type { RtpCodec } from '../../transport/rtp-media.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { SipMedia } from '../sip/sip-media.ts';
import type { ExpectedCall } from '../sip/sip-rendezvous.ts';
import type { SipLegOptions } from './sip-leg-opening.ts';
import { orAborted, reasonOf } from './tap-path.ts';
import type { EavesdropPath, TapTarget } from './tap-path.ts';

/** What it works with; all of it stays its owner's. */
export interface SipPathParts {
  readonly sip: SipLegOptions;
  readonly target: TapTarget;
  /** The path ended, and not by `close`. */
  onEnded(reason: string): void;
}

/** The SIP call of one eavesdropper. */
export class SipPath implements EavesdropPath {
  readonly dial: string;
  readonly variables: readonly string[];
  readonly #parts: SipPathParts;
  readonly #codec: TapCodec;
  readonly #expected: ExpectedCall;
  #media: SipMedia | null = null;
  #closed = false;

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT for a codec that is faster than the call */
  constructor(parts: SipPathParts) {
    const { hub, profile, codec } = parts.sip;
    this.#parts = parts;
    this.#codec = tapCodec(codec, parts.target);
    this.#expected = hub.rendezvous.expect();
    this.dial = `sofia/${profile}/${this.#expected.user}@${hub.address}`;
    this.variables = [`absolute_codec_string=${this.#codec.name}`];
  }

  async open(_uuid: string, originated: Promise<void>, signal: AbortSignal): Promise<MediaTransport> {
    const onAbort = (): void => this.#expected.cancel(reasonOf(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const call = await this.#expected.call;
      const media = await this.#parts.sip.hub.open(call, {
        codecs: this.#codec.codecs,
        signal,
        onDigit: () => undefined,
        onEnded: () => {
          if (!this.#closed) this.#parts.onEnded('the switch ended the SIP call of the eavesdropper');
        },
      });
      this.#media = media;
      await orAborted(originated, signal);
      return media.transport;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  onBlind(): void {
    // Audio goes on without the link, and its end is told by SIP.
  }

  onSighted(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#expected.cancel(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call is not waited for any longer'));
    await this.#media?.close();
  }
}

interface TapCodec {
  /** As FreeSWITCH calls it. */
  readonly name: string;
  readonly codecs: readonly RtpCodec[];
}

const WIDE_HZ = 16_000;

/** What an eavesdropper of such a channel may speak; `auto` loses nothing of it up to 16 kHz. */
function tapCodec(wanted: SipLegOptions['codec'], { codec, rateHz }: TapTarget): TapCodec {
  const l16: TapCodec = { name: `L16@${rateHz >= WIDE_HZ ? WIDE_HZ : 8000}h@20i`, codecs: ['l16'] };
  if (wanted === 'L16') return l16;
  if (wanted === 'G722') {
    if (rateHz >= WIDE_HZ) return { name: 'G722', codecs: ['g722'] };
    const message = `an eavesdropper in G722 cannot tap a call of ${rateHz} Hz: configure the codec auto`;
    throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
  }
  if (wanted !== 'auto') return { name: wanted, codecs: [wanted.toLowerCase() as RtpCodec] };
  const own = codec.toUpperCase();
  return own === 'PCMU' || own === 'PCMA' ? { name: own, codecs: [own.toLowerCase() as RtpCodec] } : l16;
}

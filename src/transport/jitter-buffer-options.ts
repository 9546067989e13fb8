/** The sizes of a jitter buffer, and the check of what a program gives. */
import { TalkspurtError } from '../core/errors.ts';

/** What frames look like, and how many there may be. */
export interface JitterBufferOptions {
  /** Size of every frame, in bytes; others are refused and counted. */
  readonly frameBytes: number;
  readonly ptimeMs: number;
  /** Timestamp units a frame: samples at the RTP clock rate. */
  readonly frameSamples: number;
  /** Slots; rounded up to a power of two. The oldest frames make room for one that is further ahead than this. */
  readonly capacityFrames: number;
  /** Depth in frames at which it begins to hand out; default 1. */
  readonly minimumFrames?: number;
}

/**
 * All slots are made at once: a size from elsewhere must not take the memory of the process.
 * @throws ERR_TALKSPURT_DSP_OPTIONS where a size (but `ptimeMs`) is no whole number, or is out of all bounds
 */
export function requireSizes(options: JitterBufferOptions): void {
  if (typeof options !== 'object' || options === null) throw refused('options', 'options: use an object');
  const { frameBytes, ptimeMs, frameSamples, capacityFrames, minimumFrames = 1 } = options;
  const most = { frameBytes: 8192, ptimeMs: 1000, frameSamples: 48_000, capacityFrames: 4096, minimumFrames: 4096 };
  for (const [option, value] of Object.entries({ frameBytes, ptimeMs, frameSamples, capacityFrames, minimumFrames })) {
    const limit = most[option as keyof typeof most];
    const whole = option === 'ptimeMs' ? typeof value === 'number' : Number.isInteger(value);
    if (whole && value >= 1 && value <= limit) continue;
    const given = typeof value === 'number' ? String(value) : typeof value;
    const kind = option === 'ptimeMs' ? '' : 'a whole number from ';
    throw refused(option, `${option} ${given}: use ${kind}1 to ${limit}`);
  }
}

function refused(option: string, message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_DSP_OPTIONS', message, { details: { option } });
}

import { decodeAlaw, decodeUlaw, encodeAlaw, encodeUlaw } from './g711';
import { CODEC_PCMA, ECHO_LINE, ECHO_LINE_BLOCKS } from './layout';

/**
 * What does it do? Remembers 640 ms of what the caller was given, at 8 kHz.
 * How does it work? A ring of codes: a G.711 leg's own, so it is exactly what was sent; µ-law for every other leg (−38 dB).
 *   Positions are samples since the start and only ever grow.
 * How do I use it? `write(pcm, samples)` whole blocks of 80; `read(target, from, scratch)` 160 f32 from any position.
 * Not for: what is older than 640 ms or not yet written: that reads as silence.
 */
const BLOCK: i32 = 80;
const LINE_SAMPLES: i32 = ECHO_LINE_BLOCKS * BLOCK;

@unmanaged
export class EchoLine {
  private alaw: bool;
  /** Samples written, ever. */
  written: i32;

  start(legCodec: i32): void {
    this.alaw = legCodec == CODEC_PCMA;
    this.written = 0;
  }

  /** Takes a multiple of 80 i16. */
  write(pcm: usize, samples: i32): void {
    for (let done = 0; done < samples; done += BLOCK) {
      const place = ECHO_LINE + <usize>((this.written + done) % LINE_SAMPLES);
      if (this.alaw) encodeAlaw(place, pcm + ((<usize>done) << 1), BLOCK);
      else encodeUlaw(place, pcm + ((<usize>done) << 1), BLOCK);
    }
    this.written += samples;
  }

  /** Writes `samples` i16 from position `from` on. */
  read(target: usize, from: i32, samples: i32): void {
    let at = from;
    const end = from + samples;
    while (at < end) {
      const oldest = max(0, this.written - LINE_SAMPLES);
      if (at < oldest) {
        const count = min(end, oldest) - at;
        memory.fill(target, 0, (<usize>count) << 1);
        target += (<usize>count) << 1;
        at += count;
      } else if (at >= this.written) {
        memory.fill(target, 0, (<usize>(end - at)) << 1);
        return;
      } else {
        const place = at % LINE_SAMPLES;
        const count = min(min(end, this.written) - at, LINE_SAMPLES - place);
        if (this.alaw) decodeAlaw(target, ECHO_LINE + <usize>place, count);
        else decodeUlaw(target, ECHO_LINE + <usize>place, count);
        target += (<usize>count) << 1;
        at += count;
      }
    }
  }
}

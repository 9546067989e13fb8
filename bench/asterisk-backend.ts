/** Backends inside the process that cost next to nothing: one speaks all the time, one in single loud frames when it is told to. */
import type { Backend, BackendCall, BackendSink, BackendStream } from '../src/backend/backend.ts';
import type { AudioFormat } from '../src/core/media.ts';
import { bytesPerMs } from '../src/core/media.ts';

/** Audio that comes at once, and how far ahead of its time, ms. */
const PIECE_MS = 200;
const AHEAD_MS = 400;
const PULSE_MS = 20;
/** Mean of the samples above which a frame is loud, of 32,768. */
const LOUD = 800;

/** One call's stream, as far as a bench steers it. */
export interface BenchStream {
  /** One loud frame, or as much as it was made for, now. */
  pulse(): void;
}

/** Says something all the time, in pieces; the formats are those of the call. */
export function talkingBackend(): Backend {
  return {
    name: 'talking',
    open: (call, sink) => {
      const format = formatOf(call);
      const piece = loudFrame(format, PIECE_MS);
      let timer: NodeJS.Timeout | null = null;
      const begin = (): void => {
        sink.onResponseStarted('response');
        for (let ms = 0; ms < AHEAD_MS; ms += PIECE_MS) sink.onAudio(piece, 'item');
        const startMs = performance.now();
        let said = 0;
        timer = setInterval(() => {
          // Counted by the clock: an interval is late, and never early.
          for (; said < Math.floor((performance.now() - startMs) / PIECE_MS); said += 1) sink.onAudio(piece, 'item');
        }, PIECE_MS);
      };
      timer = setTimeout(begin, 0);
      return Promise.resolve(
        streamOf(
          format,
          () => undefined,
          () => {
            if (timer !== null) clearTimeout(timer);
          },
        ),
      );
    },
  };
}

/** Hears loud frames and says them. `onStream` gets each call's; `onLoud` is told when the caller's comes to it. */
export function pulsingBackend(
  onStream: (callId: string, stream: BenchStream) => void,
  onLoud: (callId: string) => void,
  pulseMs: number = PULSE_MS,
): Backend {
  return {
    name: 'pulsing',
    open: (call, sink) => {
      const format = formatOf(call);
      onStream(call.callId, pulserOf(format, sink, pulseMs));
      const hear = (frame: Uint8Array): void => {
        if (isLoud(frame, format)) onLoud(call.callId);
      };
      return Promise.resolve(streamOf(format, hear, () => undefined));
    },
  };
}

/** Whether a frame of the chain is one of the bench's, and not silence. */
export function isLoud(frame: Uint8Array, { codec }: AudioFormat): boolean {
  if (codec !== 'l16') {
    let loud = 0;
    // Both laws invert, and have the magnitude in the upper bits.
    for (const code of frame) if ((code & 0x7f) < 0x48) loud += 1;
    return loud * 4 >= frame.length;
  }
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let sum = 0;
  for (let at = 0; at < frame.length; at += 2) sum += Math.abs(view.getInt16(at, true));
  return sum > LOUD * (frame.length / 2);
}

function formatOf({ leg }: BackendCall): AudioFormat {
  return { codec: leg.codec, sampleRateHz: leg.sampleRateHz };
}

function pulserOf(format: AudioFormat, sink: BackendSink, pulseMs: number): BenchStream {
  const frame = loudFrame(format, pulseMs);
  let number = 0;
  return {
    pulse: () => {
      number += 1;
      const [response, item] = [`response-${number}`, `item-${number}`];
      sink.onResponseStarted(response);
      sink.onAudio(frame, item);
      sink.onAudioDone(item);
      sink.onResponseDone(response, 'completed');
    },
  };
}

function streamOf(format: AudioFormat, hear: (frame: Uint8Array) => void, end: () => void): BackendStream {
  return {
    inputFormat: format,
    outputFormat: format,
    detectsTurns: true,
    droppedFrames: 0,
    sendAudio: (frame) => {
      hear(frame);
      return true;
    },
    commitTurn: () => undefined,
    cancelResponse: () => undefined,
    requestResponse: () => undefined,
    sendText: () => undefined,
    sendToolResult: () => undefined,
    close: () => {
      end();
      return Promise.resolve();
    },
  };
}

/** 1 kHz as a square wave. */
function loudFrame(format: AudioFormat, ms: number): Uint8Array {
  const bytes = Buffer.alloc(bytesPerMs(format) * ms);
  const half = format.sampleRateHz / 2_000;
  for (let n = 0; n < (format.sampleRateHz / 1_000) * ms; n += 1) {
    const up = Math.floor(n / half) % 2 === 0;
    if (format.codec === 'l16') bytes.writeInt16LE(up ? 8_000 : -8_000, 2 * n);
    else bytes[n] = up ? 0x9f : 0x1f;
  }
  return bytes;
}

/** One client's socket: messages out, as JSON in binary frames, on time or as badly as the fault of the moment wants it. */
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import type { GeminiMalformedFrame, GeminiServerFault, GeminiServerMessage } from './gemini-message.ts';
import type { GeminiRefusal } from './gemini-refusal.ts';

/** A closing frame has room for 123 bytes of reason; the service cuts its own there. */
const REASON_BYTES = 123;

/** Sends until the socket is gone; owns the timers of what is late. */
export class GeminiWire {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #binary: boolean;
  readonly #fault: () => GeminiServerFault | null;
  readonly #late = new Set<Timer>();
  #saidMs = 0;
  #dropped = false;

  constructor(socket: WebSocket, clock: Clock, frames: 'binary' | 'text', fault: () => GeminiServerFault | null) {
    this.#socket = socket;
    this.#clock = clock;
    this.#binary = frames === 'binary';
    this.#fault = fault;
  }

  /** `audioMs`: what the message holds of an answer's audio. */
  send(message: GeminiServerMessage, audioMs: number): void {
    if (this.#dropped) return;
    const fault = this.#fault();
    if (fault?.kind === 'malformed' && audioMs > 0) this.#put(malformed(fault.frame));
    // The service writes its JSON for people to read.
    const text = `${JSON.stringify(message, null, 2)}\n`;
    this.#inTime(fault, () => this.#put(text));
    this.#saidMs += audioMs;
    if (fault?.kind !== 'drop' || audioMs === 0 || this.#saidMs < fault.afterAudioMs) return;
    this.#dropped = true;
    this.#socket.terminate();
  }

  /** Closes after what was sent. */
  end({ code, message }: Pick<GeminiRefusal, 'code' | 'message'>): void {
    const reason = Buffer.from(message).subarray(0, REASON_BYTES);
    this.#inTime(this.#fault(), () => this.#socket.close(code, reason));
  }

  /** The socket is gone: what was to be sent late is not sent any more. */
  dispose(): void {
    for (const timer of this.#late) timer.cancel();
    this.#late.clear();
  }

  #inTime(fault: GeminiServerFault | null, run: () => void): void {
    if (fault?.kind !== 'slow') {
      run();
      return;
    }
    const timer = this.#clock.after(fault.delayMs, () => {
      this.#late.delete(timer);
      run();
    });
    this.#late.add(timer);
  }

  #put(frame: string | Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > LIMITS.simulatedBufferedBytes) this.#socket.terminate();
    else this.#socket.send(frame, { binary: this.#binary || typeof frame !== 'string' });
  }
}

/** Frames that no client may trip over. */
function malformed(frame: GeminiMalformedFrame): string | Uint8Array {
  switch (frame) {
    case 'json':
      return '{"serverContent": {"modelTurn": {"parts": [';
    case 'base64':
      return '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"!!! no !!!"}}]}}}';
    case 'bytes':
      return Uint8Array.of(0, 255, 1, 254);
    case 'empty':
      return '{}';
    case 'unknown-field':
      return '{"serverContent":{"smell":{"text":"of roses"}},"weather":[1,2]}';
    case 'wrong-types':
      return '{"serverContent":{"modelTurn":{"parts":{"inlineData":[7]}},"interrupted":"yes"},"toolCall":[],"goAway":4}';
  }
}

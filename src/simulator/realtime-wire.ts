/** One client's socket: events out, as JSON with an id, on time or as badly as the fault of the moment wants it. */
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import type { MalformedFrame, RealtimeFault } from './realtime-behaviour.ts';
import type { ServerEvent } from './realtime-event.ts';
import { newId } from './realtime-event.ts';

/** A closing frame has room for 123 bytes of reason. */
const REASON_BYTES = 123;

/** Sends until the socket is gone; owns the timers of what is late. */
export class RealtimeWire {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #fault: () => RealtimeFault | null;
  readonly #late = new Set<Timer>();
  #saidMs = 0;
  #dropped = false;

  constructor(socket: WebSocket, clock: Clock, fault: () => RealtimeFault | null) {
    this.#socket = socket;
    this.#clock = clock;
    this.#fault = fault;
  }

  /** `audioMs`: what the event holds of an answer's audio. */
  send(event: ServerEvent, audioMs: number): void {
    if (this.#dropped) return;
    const fault = this.#fault();
    if (fault?.kind === 'malformed' && event.type === 'response.output_audio.delta') {
      const bad = malformed(fault.frame);
      this.#socket.send(bad, { binary: typeof bad !== 'string' });
    }
    this.#write(JSON.stringify({ event_id: newId('event'), ...event }), fault);
    this.#saidMs += audioMs;
    if (fault?.kind !== 'drop' || audioMs === 0 || this.#saidMs < fault.afterAudioMs) return;
    this.#dropped = true;
    this.#socket.terminate();
  }

  /** Closes after what was sent, as the service does when a session is over. */
  end(reason: string): void {
    const close = (): void => this.#socket.close(1001, Buffer.from(reason).subarray(0, REASON_BYTES));
    const fault = this.#fault();
    if (fault?.kind === 'slow') this.#later(fault.delayMs, close);
    else close();
  }

  /** The socket is gone: what was to be sent late is not sent any more. */
  dispose(): void {
    for (const timer of this.#late) timer.cancel();
    this.#late.clear();
  }

  #write(text: string, fault: RealtimeFault | null): void {
    if (fault?.kind === 'slow') this.#later(fault.delayMs, () => this.#put(text));
    else this.#put(text);
  }

  #put(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > LIMITS.simulatedBufferedBytes) this.#socket.terminate();
    else this.#socket.send(text);
  }

  #later(delayMs: number, run: () => void): void {
    const timer = this.#clock.after(delayMs, () => {
      this.#late.delete(timer);
      run();
    });
    this.#late.add(timer);
  }
}

/** Frames that no client may trip over. */
function malformed(frame: MalformedFrame): string | Uint8Array {
  switch (frame) {
    case 'json':
      return '{"type":"response.output_audio.delta","delta":';
    case 'base64':
      return JSON.stringify({
        ...{ type: 'response.output_audio.delta', event_id: 'event_bad', response_id: 'resp_bad', item_id: 'item_bad' },
        ...{ output_index: 0, content_index: 0, delta: '!!! this is not base64 !!!' },
      });
    case 'binary':
      return Uint8Array.of(0, 255, 1, 254);
    case 'no-type':
      return '{"event_id":"event_bad"}';
    case 'unknown-type':
      return '{"type":"response.smell.delta","event_id":"event_bad","delta":"AAAA"}';
    case 'wrong-types':
      return '{"type":"response.output_audio.delta","event_id":7,"item_id":{},"delta":[1,2,3]}';
  }
}

/**
 * Playback by binary messages: the jambonz fork of mod_audio_fork, and the commercial mod_audio_stream.
 *
 * How does it work? Each frame goes out as it comes; the far end keeps a few of them ahead (jambonz 80 ms at first, 40 ms later).
 *   A jambonz module is sent a mark every 100 ms of audio. It counts as a sample of its own, so that its echo tells exactly
 *   how much has been played; a sample of ours with the value of a mark (-1) is moved by one step.
 * Not for: marks where the module resamples (they get lost in its resampler), or after it was told to drop some: it is not asked for
 *   any more then.
 */
import type { Clock } from '../../../core/clock.ts';
import type { MediaFormat } from '../../../core/media.ts';
import { frameSamples } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import type { ModuleConnection } from './module-connection.ts';
import { jsonObject } from './module-playback.ts';
import type { ModulePlayback } from './module-playback.ts';

/** What it plays through. */
export interface BinaryPlaybackOptions {
  readonly clock: Clock;
  readonly connection: ModuleConnection;
  readonly format: MediaFormat;
  /** Whether the module knows `mark` and `killAudio`. */
  readonly marks: boolean;
}

interface Mark {
  readonly name: string;
  readonly frames: number;
  readonly sentMs: number;
}

const KILL = JSON.stringify({ type: 'killAudio' });

/** One call's. */
export class BinaryPlayback implements ModulePlayback {
  readonly #options: BinaryPlaybackOptions;
  readonly #samples: number;
  readonly #markEvery: number;
  /** Sent and not answered, oldest first. */
  readonly #marks: Mark[] = [];
  #marking: boolean;
  #sent = 0;
  #played: number | null = null;
  #number = 0;

  constructor(options: BinaryPlaybackOptions) {
    this.#options = options;
    this.#samples = frameSamples(options.format);
    this.#markEvery = Math.max(1, Math.round(LIMITS.moduleMarkEveryMs / options.format.ptimeMs));
    this.#marking = options.marks;
  }

  send(frame: Uint8Array): boolean {
    // The socket may keep it for longer than it is lent.
    const bytes = Uint8Array.from(frame);
    if (this.#options.marks) unmark(bytes, this.#samples);
    if (!this.#options.connection.sendAudio(bytes)) return false;
    this.#sent += 1;
    if (this.#marking && this.#sent % this.#markEvery === 0) this.#mark();
    return true;
  }

  playedFrames(): number | null {
    return this.#marking ? this.#played : null;
  }

  flush(): void {
    if (!this.#options.marks) return;
    this.#options.connection.sendText(KILL);
    if (this.#played !== null) this.#played = this.#sent;
    // jambonz mixes up the names of later marks with those that it cleared: it is not asked any more.
    if (this.#marks.length > 0) this.#giveUp();
  }

  onText(text: string): void {
    const message = jsonObject(text);
    if (message?.['type'] !== 'mark') return;
    const data = message['data'] as Readonly<Record<string, unknown>> | null | undefined;
    const index = this.#marks.findIndex(({ name }) => name === data?.['name']);
    if (index < 0) return;
    // Sent after a flush and cleared by it all the same.
    if (data?.['event'] !== 'playout') return this.#giveUp();
    this.#played = Math.max(this.#played ?? 0, this.#marks[index]!.frames);
    this.#marks.splice(0, index + 1);
  }

  onEvent(): void {
    // It says all that there is to say on its own connection.
  }

  /** What was sent counts as heard from now on: at the pace of the call the module holds 80 ms at most. */
  #giveUp(): void {
    this.#marking = false;
    this.#marks.length = 0;
  }

  /** The module puts a mark before the next audio that it gets: behind all that was sent so far. */
  #mark(): void {
    const nowMs = this.#options.clock.nowMs();
    const oldest = this.#marks[0];
    if (oldest !== undefined && nowMs - oldest.sentMs > LIMITS.moduleMarkLateMs) {
      this.#giveUp();
      return;
    }
    if (this.#marks.length >= LIMITS.moduleMarks) return;
    this.#number += 1;
    const mark: Mark = { name: `t${this.#number}`, frames: this.#sent, sentMs: nowMs };
    if (this.#options.connection.sendText(JSON.stringify({ type: 'mark', data: { name: mark.name } })))
      this.#marks.push(mark);
  }
}

/** Sample 0xffff is a mark to the module. */
function unmark(bytes: Uint8Array, samples: number): void {
  for (let i = 0; i < samples; i += 1) {
    if (bytes[i * 2] === 0xff && bytes[i * 2 + 1] === 0xff) bytes[i * 2] = 0xfe;
  }
}

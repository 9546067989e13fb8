/** `uuid_displace` of the simulated switch: something played instead of what a phone hears, or mixed into it. */
import type { ChannelTap } from './channel-audio.ts';
import { commandWords } from './command-words.ts';
import type { SimulatedChannel } from './simulated-channel.ts';
import { streamMs, toneFrame } from './tone-stream.ts';

const USAGE = '-USAGE: <uuid> [start|stop] <path> [<limit>] [mux]\n';

/** A media bug in the direction to the phone; it needs somebody who writes to it. */
class Displacement implements ChannelTap {
  readonly #path: string;
  readonly #mux: boolean;
  readonly #format: SimulatedChannel['format'];
  readonly #lengthMs: number;
  #frame = 0;

  constructor(path: string, lengthMs: number, mux: boolean, format: SimulatedChannel['format']) {
    this.#path = path;
    this.#lengthMs = lengthMs;
    this.#mux = mux;
    this.#format = format;
  }

  mixIntoRead(): void {
    // What the phone says stays as it is.
  }

  mixIntoWrite(samples: Int16Array): void {
    if (this.#frame * this.#format.ptimeMs >= this.#lengthMs) return;
    const tone = toneFrame(this.#path, this.#frame, this.#format);
    this.#frame += 1;
    for (let at = 0; at < samples.length; at += 1) {
      const sum = (this.#mux ? samples[at]! : 0) + (tone[at] ?? 0);
      samples[at] = Math.max(-32768, Math.min(32767, sum));
    }
  }

  onPtime(): void {
    // It only plays.
  }
}

/** Displacements by channel and path. */
export class SwitchDisplacer {
  readonly #running = new WeakMap<SimulatedChannel, Map<string, () => void>>();

  run(argument: string, channels: ReadonlyMap<string, SimulatedChannel>): string {
    const [uuid = '', action = '', path = '', , flags = ''] = commandWords(argument, 5);
    if (path === '') return USAGE;
    const channel = channels.get(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    const running = this.#running.get(channel) ?? new Map<string, () => void>();
    this.#running.set(channel, running);
    if (action === 'stop') {
      const stop = running.get(path);
      running.delete(path);
      stop?.();
      return stop === undefined ? '-ERR Cannot stop displace session!\n' : '+OK Success\n';
    }
    if (action !== 'start') return USAGE;
    const lengthMs = streamMs(path);
    if (lengthMs === null || running.has(path) || !channel.mediaUp) return '-ERR Cannot displace session!\n';
    const bug = new Displacement(path, lengthMs, flags.includes('m'), channel.format);
    running.set(path, channel.attach(bug, { function: 'displace', target: path }));
    return '+OK Success\n';
  }
}

/** A bridged call on a simulated switch, with a tap on its caller. */
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import type { SimulatedChannel } from '../../../src/simulator/simulated-channel.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import type { EslEvent, EslLink } from '../../../src/switch/freeswitch/esl-link.ts';
import { EslNativeLink } from '../../../src/switch/freeswitch/esl-native-link.ts';
import { TapLeg } from '../../../src/switch/freeswitch/tap-leg.ts';
import type { TapLegParts, TapMediaOptions } from '../../../src/switch/freeswitch/tap-leg.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';

export const clock = new SystemClock();
export const CALLER_HZ = 500;
export const OTHER_HZ = 1250;
export const AGENT_HZ = 2000;

/** The amplitude of one frequency in `samples`: a Goertzel sum, as long as the sound. */
export function toneLevel(samples: ArrayLike<number>, hz: number, rateHz = 8000): number {
  let [re, im] = [0, 0];
  for (let at = 0; at < samples.length; at += 1) {
    const angle = (2 * Math.PI * hz * at) / rateHz;
    re += samples[at]! * Math.cos(angle);
    im += samples[at]! * Math.sin(angle);
  }
  return samples.length === 0 ? 0 : (2 * Math.hypot(re, im)) / samples.length;
}

/** A phone that says a tone, and remembers the end of what it heard. */
export class TonePhone implements SimulatedPhone {
  readonly #hz: number;
  readonly #rateHz: number;
  #at = 0;
  heard: number[] = [];
  digits = '';
  hungUp = false;
  cause: number | null = null;

  constructor(hz: number, rateHz = 8000) {
    this.#hz = hz;
    this.#rateHz = rateHz;
  }

  speak(frame: Int16Array): boolean {
    for (let at = 0; at < frame.length; at += 1, this.#at += 1) {
      frame[at] = Math.round(4000 * Math.sin((2 * Math.PI * this.#hz * this.#at) / this.#rateHz));
    }
    return true;
  }

  hear(frame: Int16Array | null): void {
    for (const sample of frame ?? []) this.heard.push(sample);
    if (this.heard.length > 4 * this.#rateHz) this.heard = this.heard.slice(-this.#rateHz);
  }

  takeDigits(): string {
    const { digits } = this;
    this.digits = '';
    return digits;
  }

  onHangup(cause: number): void {
    this.cause = cause;
  }
}

export interface TapRig {
  readonly fs: SimulatedSwitch;
  readonly link: EslLink;
  readonly caller: { readonly phone: TonePhone; readonly channel: SimulatedChannel };
  readonly other: { readonly phone: TonePhone; readonly channel: SimulatedChannel };
  readonly told: string[];
  /** Channels whose events are delivered. */
  readonly watched: Map<string, (event: EslEvent) => void>;
  makeTap(parts?: Partial<TapLegParts>): TapLeg;
  /** Channels of the switch, less the two of the call. */
  extraChannels(): Promise<number>;
}

export const LOOPBACK: TapMediaOptions = {
  kind: 'unicast',
  bindHost: '127.0.0.1',
  advertiseHost: '127.0.0.1',
  switchHost: '127.0.0.1',
  native: true,
};

/** Two phones in a conversation. */
export async function withBridgedCall(run: (rig: TapRig) => Promise<void>, rateHz = 8000): Promise<void> {
  const fs = new SimulatedSwitch({ clock, password: 'secret' });
  await fs.listen();
  const link = new EslNativeLink({ name: 'fs', host: '127.0.0.1', port: fs.port, password: 'secret', clock });
  const watched = new Map<string, (event: EslEvent) => void>();
  const told: string[] = [];
  const legs: TapLeg[] = [];
  try {
    await link.start({
      onUp: () => told.push('up'),
      onDown: () => {
        told.push('down');
        for (const leg of legs) leg.onBlind();
      },
      onEvent: (event) => watched.get(event.uuid)?.(event),
    });
    const codec = rateHz === 8000 ? 'PCMU' : 'L16';
    const [callerPhone, otherPhone] = [new TonePhone(CALLER_HZ, rateHz), new TonePhone(OTHER_HZ, rateHz)];
    const caller = fs.createCall({ phone: callerPhone, codec, sampleRateHz: rateHz });
    const other = fs.createCall({ phone: otherPhone, codec, sampleRateHz: rateHz });
    assert.match(await link.api(`uuid_bridge ${caller.uuid} ${other.uuid}`), /^\+OK/);
    const talking = (): boolean => callerPhone.heard.length > 0 && otherPhone.heard.length > 0;
    await until(talking, 'they hear one another');
    const channels = {
      watch: async (uuid: string, onEvent: (event: EslEvent) => void): Promise<void> => {
        watched.set(uuid, onEvent);
        await link.watch(uuid);
      },
      unwatch: async (uuid: string): Promise<void> => {
        watched.delete(uuid);
        await link.unwatch(uuid);
      },
    };
    const makeTap = (parts: Partial<TapLegParts> = {}): TapLeg => {
      const leg: TapLeg = new TapLeg({
        uuid: caller.uuid,
        switchName: 'fs',
        from: '',
        to: '',
        variables: new Map(),
        link,
        clock,
        media: LOOPBACK,
        request: { mix: 'mixed', sampleRateHz: null },
        channels,
        owner: 'host/fs/1/run',
        onReleased: async () => {
          told.push('released');
          await channels.unwatch(caller.uuid);
        },
        ...parts,
      });
      leg.listen({
        onHangup: (cause) => told.push(`hangup ${cause}`),
        onDigit: (digit) => told.push(`digit ${digit}`),
        onMediaEnded: (reason) => told.push(`ended: ${reason}`),
      });
      watched.set(caller.uuid, (event) => leg.onEvent(event));
      legs.push(leg);
      return leg;
    };
    await link.watch(caller.uuid);
    await until(() => caller.bridged && other.bridged, 'the two are joined');
    await run({
      fs,
      link,
      caller: { phone: callerPhone, channel: caller },
      other: { phone: otherPhone, channel: other },
      told,
      watched,
      makeTap,
      extraChannels: async () => {
        const rows = JSON.parse(await link.api('show channels as json')) as { row_count: number };
        return rows.row_count - 2;
      },
    });
    assert.is(fs.crashed, null, 'the switch lives');
  } finally {
    for (const leg of legs) await leg.release().catch(() => undefined);
    await link.close();
    await fs.close();
  }
}

/** Collects L16 samples of a path until there are `count`, and then whatever comes. */
export class Ear {
  samples: number[] = [];
  numbers: number[] = [];
  lost: string | null = null;
  onFrame: (() => void) | null = null;
  #wanted: { count: number; resolve: () => void } | null = null;

  constructor(transport: MediaTransport) {
    transport.start({
      onFrame: (payload, sequenceNumber) => {
        const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
        for (let at = 0; at < payload.length; at += 2) this.samples.push(view.getInt16(at, true));
        this.numbers.push(sequenceNumber);
        this.onFrame?.();
        if (this.#wanted !== null && this.samples.length >= this.#wanted.count) this.#wanted.resolve();
      },
      onLost: (error) => (this.lost = error.code),
    });
  }

  /** The next `count` samples. */
  async next(count: number): Promise<number[]> {
    this.samples = [];
    await new Promise<void>((resolve) => (this.#wanted = { count, resolve }));
    return this.samples.slice(0, count);
  }
}

/** Answers each frame that comes with one of the agent's tone. */
export function speakThrough(transport: MediaTransport, ear: Ear): void {
  const { sampleRateHz, ptimeMs } = transport.format;
  const count = (sampleRateHz / 1000) * ptimeMs;
  const frame = new Uint8Array(2 * count);
  const view = new DataView(frame.buffer);
  let at = 0;
  ear.onFrame = () => {
    for (let i = 0; i < count; i += 1, at += 1) {
      view.setInt16(2 * i, Math.round(4000 * Math.sin((2 * Math.PI * AGENT_HZ * at) / sampleRateHz)), true);
    }
    transport.send(frame, false);
  };
}

/** Polls until it holds; the switch does things in its own time. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await condition()) return;
    await new Promise<void>((resolve) => clock.after(10, resolve));
  }
  throw new Error(`it never came to be: ${what}`);
}

/** A link whose commands about taps are looked at first. */
export function watchedLink(link: EslLink, before: (command: string) => Promise<void> | void): EslLink {
  const methods = {
    api: async (command: string) => (await before(command), await link.api(command)),
    bgapi: async (command: string) => (await before(command), await link.bgapi(command)),
  };
  return new Proxy(link, {
    get(target, name) {
      if (name === 'api' || name === 'bgapi') return methods[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Rejects with this code. */
export async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.is((error as { code?: string }).code, code, String(error));
    return;
  }
  assert.unreachable(`resolved instead of ${code}`);
}

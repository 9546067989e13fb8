/** Taps on a real Asterisk's calls, without an adapter: a link, one media path, and ears that keep all that they hear. */
import * as assert from 'uvu/assert';
import { frameSamples } from '../../../src/core/media.ts';
import { G722Pool } from '../../../src/dsp/g722.ts';
import { AriNativeLink } from '../../../src/switch/asterisk/ari-native-link.ts';
import { AsteriskAudioSocketPath } from '../../../src/switch/asterisk/asterisk-audiosocket.ts';
import { AsteriskRtpPath } from '../../../src/switch/asterisk/asterisk-rtp.ts';
import { AsteriskTapLeg } from '../../../src/switch/asterisk/asterisk-tap-leg.ts';
import type { AsteriskTapParts } from '../../../src/switch/asterisk/asterisk-tap-leg.ts';
import type { AsteriskMediaPath } from '../../../src/switch/asterisk/media-path.ts';
import { readChannel } from '../../../src/switch/asterisk/stasis-channel.ts';
import { StasisIds } from '../../../src/switch/asterisk/stasis-ids.ts';
import { StasisRoutes } from '../../../src/switch/asterisk/stasis-routes.ts';
import { AudioSocketServer } from '../../../src/transport/audiosocket-server.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { callIn, clock, until } from './stasis-rig.ts';

/** One process of ours that taps. */
export interface Taps {
  readonly link: AriNativeLink;
  readonly ids: StasisIds;
  readonly routes: StasisRoutes;
  readonly leftovers: () => number;
  /** A tap on that channel, prepared. */
  tap(channelId: string, parts?: Partial<AsteriskTapParts>): Promise<Tapped>;
  /** Everything has been given back. */
  close(): Promise<void>;
  /** Whatever has not been, is. */
  end(): Promise<void>;
}

export interface Tapped {
  readonly leg: AsteriskTapLeg;
  /** What a session would be told. */
  readonly told: string[];
  /** From the wish to all that is known of the call, ms. */
  readonly preparedMs: number;
}

/** Ready to tap; `kind`: by which way. */
export async function startTaps(
  asterisk: Pick<RunningAsterisk, 'httpPort'>,
  kind: 'rtp' | 'audiosocket' = 'rtp',
): Promise<Taps> {
  const link = new AriNativeLink({
    name: 'pbx',
    host: '127.0.0.1',
    port: asterisk.httpPort,
    username: 'test',
    password: 'test',
    app: 'talkspurt',
    clock,
  });
  const routes = new StasisRoutes();
  await link.start({
    onUp: () => undefined,
    onDown: () => undefined,
    onEvent: (event) => routes.route(event),
  });
  await until(() => link.up, 'the link is up');
  const codecs = await G722Pool.create({ size: 8 });
  const from = 28_000 + (process.pid % 300) * 10;
  const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + 199 });
  const server = new AudioSocketServer({ clock });
  await server.listen();
  const path: AsteriskMediaPath =
    kind === 'rtp'
      ? new AsteriskRtpPath({ clock, ports, g722: () => codecs.acquire() })
      : new AsteriskAudioSocketPath({ clock, server });
  let leftovers = 0;
  const legs: AsteriskTapLeg[] = [];
  let held = 0;
  const ids = new StasisIds(link.app);
  return {
    link,
    ids,
    routes,
    leftovers: () => leftovers,
    tap: async (channelId, parts = {}) => {
      const startedMs = clock.nowMs();
      const seen = await link.request({ method: 'GET', path: `channels/${channelId}` });
      held += 1;
      const leg = new AsteriskTapLeg({
        switchName: 'pbx',
        link,
        clock,
        ids,
        routes,
        path,
        format: 'auto',
        channel: readChannel(seen)!,
        request: { mix: 'mono', sampleRateHz: null },
        onLeftover: () => (leftovers += 1),
        onOver: () => (held -= 1),
        ...parts,
      });
      legs.push(leg);
      await leg.prepare();
      const told: string[] = [];
      leg.listen({
        onHangup: (cause) => told.push(`hangup ${cause}`),
        onDigit: (digit) => told.push(`digit ${digit}`),
        onMediaEnded: (reason) => told.push(`media ended: ${reason}`),
      });
      return { leg, told, preparedMs: clock.nowMs() - startedMs };
    },
    close: async () => {
      await until(() => ports.inUse === 0 && codecs.inUse === 0 && held === 0, 'nothing is held');
      assert.is(routes.size, 0, 'nothing is watched');
    },
    end: async () => {
      for (const leg of legs) await leg.release();
      await link.close();
      await path.close();
      await server.close();
    },
  };
}

/** A call of two people: the channel's own party at one extension, the one it dials at another. Resolves when they talk. */
export async function twoLegs(
  asterisk: RunningAsterisk,
  caller: string,
  callee: string,
  options: { formats?: string; variables?: Record<string, string> } = {},
): Promise<string> {
  const { variables = {}, ...more } = options;
  const id = await callIn(asterisk, caller, { to: 'calls', variables: { CALLEE: callee, ...variables }, ...more });
  for (let tries = 0; ; tries += 1) {
    const answer = asterisk.ari('GET', `channels/${id}/variable?variable=BRIDGEPEER`) as Promise<{ value: string }>;
    const { value } = await answer.catch(() => ({ value: '' }));
    if (value !== '') return id;
    assert.ok(tries < 200, 'the two are bridged');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Keeps what one path brings, and when. */
export class Ear {
  readonly rateHz: number;
  readonly frames: { readonly number: number; readonly atMs: number; readonly samples: Int16Array }[] = [];
  readonly #codec: string;

  constructor(transport: MediaTransport) {
    const { format } = transport;
    this.rateHz = format.sampleRateHz;
    this.#codec = format.codec;
    assert.is(frameSamples(format), this.rateHz / 50);
    transport.start({
      onFrame: (payload, number, _timestamp, atMs) =>
        this.frames.push({ number, atMs, samples: this.#decode(payload) }),
      onLost: () => undefined,
    });
  }

  /** The next so many milliseconds, as they come. */
  async next(ms: number): Promise<Int16Array> {
    const [from, count] = [this.frames.length, Math.ceil(ms / 20)];
    await until(() => this.frames.length >= from + count, `${count} frames come`);
    return joined(this.frames.slice(from, from + count).map(({ samples }) => samples));
  }

  /** All of it, each frame at the place of its number. */
  line(): Int16Array {
    const first = this.frames[0]?.number ?? 0;
    const size = this.rateHz / 50;
    const length = (this.frames.at(-1)?.number ?? first) - first + 1;
    const line = new Int16Array(Math.max(0, length) * size);
    for (const { number, samples } of this.frames) line.set(samples, (number - first) * size);
    return line;
  }

  #decode(payload: Uint8Array): Int16Array {
    if (this.#codec === 'pcmu') return Int16Array.from(payload, fromMulaw);
    assert.is(this.#codec, 'l16');
    return new Int16Array(payload.slice().buffer);
  }
}

function joined(parts: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** ITU-T G.711, table 2a. */
function fromMulaw(byte: number): number {
  const inverted = ~byte & 0xff;
  const magnitude = ((((inverted & 0x0f) << 3) + 0x84) << ((inverted & 0x70) >> 4)) - 0x84;
  return (inverted & 0x80) === 0 ? magnitude : -magnitude;
}

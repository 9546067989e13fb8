/** A gateway with one real Asterisk behind ARI, a voice that is a tone and an ear that keeps what it hears. */
import { randomUUID } from 'node:crypto';
import * as assert from 'uvu/assert';
import type { Backend, BackendCall, BackendSink, BackendStream } from '../../../src/backend/backend.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import type { AudioFormat } from '../../../src/core/media.ts';
import { WasmDspPool } from '../../../src/dsp/dsp-pool.ts';
import { G722Pool } from '../../../src/dsp/g722.ts';
import { Gateway } from '../../../src/gateway.ts';
import { AriNativeLink } from '../../../src/switch/asterisk/ari-native-link.ts';
import { AsteriskAdapter } from '../../../src/switch/asterisk/asterisk-adapter.ts';
import type { AsteriskAdapterOptions } from '../../../src/switch/asterisk/asterisk-adapter.ts';
import { AsteriskRtpPath } from '../../../src/switch/asterisk/asterisk-rtp.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';
import { RecordingEvents } from '../../sim/fake-peers.ts';
import type { AriEvent, RunningAsterisk } from './running-asterisk.ts';

export const RATE_HZ = 16_000;
export const clock = new SystemClock();

/** Says a tone when told to; keeps the last second that it heard. */
export class ToneBackend implements Backend {
  readonly name = 'tone';
  readonly talks = new Map<string, ToneTalk>();

  open(call: BackendCall, sink: BackendSink): Promise<BackendStream> {
    const talk = new ToneTalk(call, sink);
    this.talks.set(call.callId, talk);
    return Promise.resolve(talk);
  }
}

export class ToneTalk implements BackendStream {
  readonly inputFormat: AudioFormat = { codec: 'l16', sampleRateHz: RATE_HZ };
  readonly outputFormat: AudioFormat = { codec: 'l16', sampleRateHz: RATE_HZ };
  readonly detectsTurns = true;
  readonly droppedFrames = 0;
  readonly call: BackendCall;
  readonly heard = new Int16Array(RATE_HZ);
  readonly #sink: BackendSink;
  #responses = 0;

  constructor(call: BackendCall, sink: BackendSink) {
    this.call = call;
    this.#sink = sink;
  }

  /** Says so much of a tone, 8000 at its peak. */
  speak(frequencyHz: number, ms: number): void {
    const samples = Int16Array.from({ length: (ms * RATE_HZ) / 1000 }, (_, at) =>
      Math.round(8_000 * Math.sin((2 * Math.PI * frequencyHz * at) / RATE_HZ)),
    );
    this.#responses += 1;
    const id = `r${this.#responses}`;
    this.#sink.onResponseStarted(id);
    this.#sink.onAudio(new Uint8Array(samples.buffer), `tone-${id}`);
    this.#sink.onAudioDone(`tone-${id}`);
    this.#sink.onResponseDone(id, 'completed');
  }

  sendAudio(frame: Uint8Array): boolean {
    const samples = new Int16Array(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length));
    this.heard.copyWithin(0, samples.length);
    this.heard.set(samples, this.heard.length - samples.length);
    return true;
  }

  commitTurn(): void {
    // It answers nobody.
  }

  cancelResponse(): void {
    // Likewise.
  }

  requestResponse(): void {
    // It speaks when the test says so.
  }

  sendText(): void {
    // It reads nothing.
  }

  sendToolResult(): void {
    // It has no tools.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** It has heard the caller out, and what it says next is the answer. */
  hearOut(): void {
    this.#sink.onSpeech('started');
    this.#sink.onSpeech('stopped');
  }

  /** It has ended the conversation; null: in good order. */
  end(error: TalkspurtError | null): void {
    this.#sink.onClosed(error);
  }
}

/** One process of ours. */
export interface Host {
  readonly gateway: Gateway;
  readonly adapter: AsteriskAdapter;
  readonly link: AriNativeLink;
  readonly backend: ToneBackend;
  readonly events: RecordingEvents;
  readonly ports: RtpPortPool;
  readonly codecs: G722Pool;
  readonly dspPool: WasmDspPool;
  /** Everything is given back; nothing is left here. */
  close(): Promise<void>;
}

/** Starts one. `options` go to its adapter. */
export async function startHost(
  asterisk: Pick<RunningAsterisk, 'httpPort'>,
  options: Partial<AsteriskAdapterOptions> & { app?: string } = {},
): Promise<Host> {
  const { app = 'talkspurt', ...adapterOptions } = options;
  const events = new RecordingEvents();
  const backend = new ToneBackend();
  const dspPool = await WasmDspPool.create({ size: 8 });
  const codecs = await G722Pool.create({ size: 8 });
  const from = 28_000 + (process.pid % 300) * 10;
  const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + 199 });
  const link = new AriNativeLink({
    name: 'pbx',
    host: '127.0.0.1',
    port: asterisk.httpPort,
    username: 'test',
    password: 'test',
    app,
    clock,
  });
  const media = new AsteriskRtpPath({ clock, ports, g722: () => codecs.acquire() });
  const adapter = new AsteriskAdapter({ name: 'pbx', link, clock, events, media, ...adapterOptions });
  const profiles = new Map([['agent', { backend, options: { bargeIn: false, greeting: '' } }]]);
  const gateway = new Gateway({ clock, events, dspPool, adapters: [adapter], profiles, version: 'test' });
  await gateway.open();
  await until(() => adapter.linkUp, 'the link is up');
  const close = async (): Promise<void> => {
    await gateway.close();
    assert.equal([ports.inUse, codecs.inUse, dspPool.inUse, adapter.legCount], [0, 0, 0, 0], 'nothing is held');
  };
  return { gateway, adapter, link, backend, events, ports, codecs, dspPool, close };
}

/** Afterwards nothing is left, here or there. */
export async function withHost(
  asterisk: RunningAsterisk | null,
  options: Partial<AsteriskAdapterOptions>,
  run: (asterisk: RunningAsterisk, host: Host) => Promise<void>,
): Promise<void> {
  if (asterisk === null) return;
  const host = await startHost(asterisk, options);
  try {
    await run(asterisk, host);
    await assertNothingLeft(asterisk);
    await until(() => host.ports.inUse === 0 && host.adapter.legCount === 0, 'nothing is held');
  } finally {
    for (const { id } of (await asterisk.ari('GET', 'channels')) as { id: string }[]) {
      await asterisk.ari('DELETE', `channels/${id}`).catch(() => undefined);
    }
    await host.close();
  }
}

/** A Local channel whose one end is at `extension` and whose other one is the caller, sent to extension `to`. */
export async function callIn(
  asterisk: RunningAsterisk,
  extension: string,
  options: { to?: string; formats?: string; variables?: Record<string, string> } = {},
): Promise<string> {
  const { to = 'stasis-talkspurt-agent', formats = 'ulaw', variables = {} } = options;
  const id = `call-${randomUUID()}`;
  const query = new URLSearchParams({
    endpoint: `Local/${extension}@test/n`,
    extension: to,
    context: 'test',
    priority: '1',
    channelId: id,
    otherChannelId: `${id}-far`,
    formats,
    callerId: '4711',
  });
  await asterisk.ari('POST', `channels?${query.toString()}`, { variables });
  // For what the dialplan says when it has the call back.
  await asterisk.ari('POST', `applications/test/subscription?eventSource=channel:${id}`);
  return id;
}

/** Waits until the call talks; its backend's end. */
export async function talking({ gateway, backend }: Host, id: string): Promise<ToneTalk> {
  await until(() => gateway.session(id)?.state === 'talking', 'the call talks');
  return backend.talks.get(id)!;
}

/** The event with which the dialplan says what it was left. */
export async function dialplanWentOn(asterisk: RunningAsterisk, id: string): Promise<Record<string, string>> {
  const event = (await asterisk.event(
    (each) => each.type === 'ChannelUserevent' && each.channel?.id === id,
  )) as AriEvent & { userevent: Record<string, string> };
  return event.userevent;
}

/** Asterisk has no channel and no bridge, or soon has none. */
export async function assertNothingLeft(asterisk: RunningAsterisk): Promise<void> {
  let left: string[] = [];
  for (let tries = 0; tries < 150; tries += 1) {
    const all = (await Promise.all([asterisk.ari('GET', 'channels'), asterisk.ari('GET', 'bridges')])) as {
      id: string;
    }[][];
    left = all.flat().map(({ id }) => id);
    if (left.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(left, [], 'Asterisk has nothing left');
}

/** How much of the energy is at that frequency, 0..1, and its amplitude (with a Hann window). */
export function toneOf(samples: Int16Array, rateHz: number, frequencyHz: number): { share: number; amplitude: number } {
  let [re, im, energy, weights, squares] = [0, 0, 0, 0, 0];
  for (const [at, sample] of samples.entries()) {
    const weight = 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / samples.length);
    const angle = (2 * Math.PI * frequencyHz * at) / rateHz;
    re += sample * weight * Math.cos(angle);
    im += sample * weight * Math.sin(angle);
    energy += (sample * weight) ** 2;
    weights += weight;
    squares += weight * weight;
  }
  const amplitude = weights === 0 ? 0 : (2 * Math.hypot(re, im)) / weights;
  return { amplitude, share: energy === 0 ? 0 : ((amplitude ** 2 / 2) * squares) / energy };
}

/** Samples of a WAV of Asterisk's. */
export function samplesOf(wav: Buffer): { samples: Int16Array; rateHz: number } {
  const data = wav.indexOf('data') + 8;
  const bytes = wav.subarray(data, data + ((wav.length - data) & ~1));
  return { rateHz: wav.readUInt32LE(24), samples: new Int16Array(new Uint8Array(bytes).buffer) };
}

/** The half second of a recording in which that tone is clearest. */
export function clearest(wav: Buffer, frequencyHz: number): { share: number; amplitude: number } {
  const { samples, rateHz } = samplesOf(wav);
  let best = { share: 0, amplitude: 0 };
  for (let at = 0; at + rateHz / 2 <= samples.length; at += rateHz / 20) {
    const tone = toneOf(samples.subarray(at, at + rateHz / 2), rateHz, frequencyHz);
    if (tone.share > best.share) best = tone;
  }
  return best;
}

/** What the other end of a call has recorded of that tone, once Asterisk has written it. */
export async function recorded(
  asterisk: RunningAsterisk,
  name: string,
  frequencyHz: number,
): Promise<{ share: number; amplitude: number }> {
  let heard = { share: 0, amplitude: 0 };
  for (let tries = 0; tries < 250 && heard.share < 0.9; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      heard = clearest(asterisk.recording(name, 'wav'), frequencyHz);
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, 'ENOENT');
    }
  }
  return heard;
}

export async function until(is: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400 && !is(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(is(), what);
}

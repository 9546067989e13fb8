/** One call between fake edges whose backends write or speak, each as its name says: `text-…` or `audio-…`. */
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import type { GivenOptions } from '../../src/session/session.ts';
import type { SessionSounds } from '../../src/session/session-parts.ts';
import type { WatchdogOptions } from '../../src/session/watch-options.ts';
import { spokenBackend } from '../../src/speech/spoken-backend.ts';
import { FailoverRig } from '../session/failover-rig.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { RecordingEvents } from '../sim/fake-peers.ts';
import type { ScriptedStream } from '../sim/scripted-backend.ts';
import { FakeEngine, bytesHeard, writeAnswer } from './speech-rig.ts';

export const MS_PER_CHARACTER = 50;
export const library = await loadDsp();

export const ONE = 'Good morning to you.';
export const TWO = 'Your parcel left the depot at noon.';
export const THREE = 'It will be with you tomorrow.';
export const ALL = [ONE, TWO, THREE].join(' ');

/** Not silence; different for texts that a test uses together. */
export function byteOf(text: string): number {
  return 1 + (Array.from(text).reduce((sum, character) => sum * 31 + character.charCodeAt(0), 7) % 251);
}

export const lengthOf = (text: string): number => text.length * MS_PER_CHARACTER;

/** What is played lasts 600 ms of a byte of its own. */
export const SOUND_BYTE = 0xee;
export const SOUND_MS = 600;
/** Of our own voice. */
export const SPOKEN_BYTE = 0xcc;

export const SOUNDS: SessionSounds = {
  sound: () => Promise.resolve({ audio: new Uint8Array(SOUND_MS * 8).fill(SOUND_BYTE) }),
  hold: () => Promise.resolve({ audio: new Uint8Array(SOUND_MS * 8).fill(0xdd) }),
  dspLibrary: () => Promise.resolve(library),
};

/** Speaks a text at once, with a byte of its own. */
export function speaks(engine: FakeEngine): FakeEngine {
  engine.onRequest = (request) => request.speak(lengthOf(request.text), byteOf(request.text));
  return engine;
}

export interface SpokenLineOptions {
  readonly names?: readonly string[];
  readonly formats?: readonly AudioFormat[];
  readonly options?: GivenOptions;
  readonly detectsTurns?: boolean;
  readonly fallback?: FakeEngine;
  readonly firstAudioMs?: number;
  readonly engineFormat?: AudioFormat;
  readonly watchdogs?: WatchdogOptions;
  /** Resolves when our own voice has made that text. */
  readonly speech?: (text: string, clock: FakeClock) => Promise<void>;
}

/** A call that talks. */
export async function spokenLine(given: SpokenLineOptions = {}) {
  const { names = ['text-a', 'text-b'], fallback } = given;
  const engines = new Map(
    names.map((name) => [name, speaks(new FakeEngine(name, ...(given.engineFormat ? [given.engineFormat] : [])))]),
  );
  if (fallback !== undefined) speaks(fallback);
  const spokenEvents = new RecordingEvents();
  const wrapped = new Map<string, Backend>();
  const clock = new FakeClock();
  const speech: SessionSounds['speech'] = async (text) => {
    await given.speech?.(text, clock);
    return { audio: new Uint8Array(SOUND_MS * 8).fill(SPOKEN_BYTE) };
  };
  const rig = await FailoverRig.talking({
    names,
    clock,
    sounds: { ...SOUNDS, speech },
    ...(given.watchdogs === undefined ? {} : { watchdogs: given.watchdogs }),
    ...(given.formats === undefined ? {} : { formats: given.formats }),
    ...(given.detectsTurns === undefined ? {} : { detectsTurns: given.detectsTurns }),
    options: { bargeIn: true, ...given.options, reconnect: { holdSound: 'none', ...given.options?.reconnect } },
    guard: (backend) => {
      const made = !backend.name.startsWith('text')
        ? backend
        : spokenBackend(backend, {
            engine: () => engines.get(backend.name)!,
            fallback: fallback === undefined ? null : () => fallback,
            clock,
            events: spokenEvents,
            splitter: { earlyCharacters: 0 },
            ...(given.firstAudioMs === undefined ? {} : { firstAudioMs: given.firstAudioMs }),
            loadDspLibrary: () => Promise.resolve(library),
          });
      wrapped.set(backend.name, made);
      return made;
    },
  });
  return {
    rig,
    engines,
    spokenEvents,
    get a(): ScriptedStream {
      return rig.backends[0]!.stream;
    },
    get b(): ScriptedStream {
      return rig.backends[1]!.stream;
    },
    engine: (name: string): FakeEngine => engines.get(name)!,
    backend: (name: string): Backend => wrapped.get(name)!,
    /** A whole answer, as text; `over` false: more is to come. */
    write(stream: ScriptedStream, id: string, text: string, over = true): void {
      writeAnswer(stream.sink, id, text, over);
    },
    /** How many ms of each byte the caller was sent. */
    get heard(): Map<number, number> {
      return bytesHeard(rig.leg.transport.sent);
    },
    heardOf(text: string): number {
      return this.heard.get(byteOf(text)) ?? 0;
    },
    /** Ends the call, unless it is over, and looks for what is left. */
    async end(): Promise<void> {
      await rig.session.stop('stopped');
      await settle();
      for (const engine of [...engines.values(), ...(fallback === undefined ? [] : [fallback])]) {
        assert.is(engine.open, 0, `no request to ${engine.name} is left`);
      }
      assert.equal(rig.leftovers(), { timers: 0, streams: 0, chains: 0 });
    },
  };
}

export { settle };

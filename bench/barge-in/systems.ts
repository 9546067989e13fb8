/** What is measured: the session as it is, and what stands in its place elsewhere. */
import fvad from '@echogarden/fvad-wasm';
import type { Dsp } from '../../src/dsp/dsp.ts';
import type { SessionOptions } from '../../src/session/session-options.ts';
import { DEFAULT_ENDPOINTER } from '../../src/session/endpointer.ts';

/** A way to tell that the caller cuts in. */
export interface System {
  readonly name: string;
  readonly options: Partial<SessionOptions>;
  /** Made anew for each call. */
  readonly wrap: (decode: (wire: Uint8Array) => Int16Array) => (dsp: Dsp) => Dsp;
}

const asItIs = () => (dsp: Dsp) => dsp;
/** The same chain, judging each packet in another way. */
function judging(judge: (wire: Uint8Array, dsp: Dsp) => number): (dsp: Dsp) => Dsp {
  let last = 0;
  return (dsp) =>
    new Proxy(dsp, {
      get: (target, key) => {
        if (key === 'speechProbability') return last;
        // Who judges otherwise does not doubt as we do.
        if (key === 'voicing') return 1;
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key !== 'capture') return value.bind(target) as unknown;
        return (payload: Uint8Array | null, adjustMs?: number) => {
          const heard = target.capture(payload, adjustMs);
          last = payload === null ? 0 : judge(heard, target);
          return heard;
        };
      },
    });
}

/** A stop is a stop: no pause that could be taken back, and 60 ms of what counts as speech are enough. */
const FINAL: Partial<SessionOptions> = {
  echoCanceller: 'off',
  duckGain: 1,
  endpointer: { ...DEFAULT_ENDPOINTER, bargeInMs: 60 },
};

/** Ours first. */
export async function systems(): Promise<readonly System[]> {
  const peer = await fvad();
  const handle = peer._fvad_new();
  const buffer = peer._malloc(320);
  return [
    { name: 'talkspurt', options: {}, wrap: asItIs },
    { name: 'talkspurt, canceller off', options: { echoCanceller: 'off' }, wrap: asItIs },
    {
      name: 'WebRTC VAD (mode 2), final after 60 ms',
      options: FINAL,
      wrap: (decode) => {
        peer._fvad_reset(handle);
        peer._fvad_set_sample_rate(handle, 8000);
        peer._fvad_set_mode(handle, 2);
        return judging((wire) => {
          peer.HEAP16.set(decode(wire), buffer >> 1);
          return peer._fvad_process(handle, buffer, 160) > 0 ? 1 : 0;
        });
      },
    },
    {
      name: 'louder than −40 dBov, final after 60 ms',
      options: FINAL,
      wrap: () => judging((_wire, dsp) => (dsp.captureLevelDbov > -40 ? 1 : 0)),
    },
  ];
}

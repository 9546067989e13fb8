/** Every bar that the project set itself for the signal chain, by what it is of. Figures are the worst of all cases they name. */
import { everyPackage, kept, row } from './bar.ts';
import type { ProjectBar, Source } from './bar.ts';

const UP = /^(8 → |16 → (24|48)|24 → 48).*, strict$/;
const DOWN = /^(48 → |24 → (8|16)|16 → 8).*, strict$/;
const ms = { unit: ' ms' } as const;
const dB = { unit: ' dB' } as const;
const times = { unit: ' ×' } as const;

/** Lies, and the figures of how often each is found within a second. */
const LIES: readonly (readonly [of: string, figure: RegExp])[] = [
  ['silence', /1 s, %: silence$/],
  ['DC', /1 s, %: dc$/],
  ['clipping', /1 s, %: clipping$/],
  ['bytes in the other order', /1 s, %: byte-order$/],
  ['another codec', /1 s, %: .* as /],
  ['two channels as one', /1 s, %: stereo/],
  ['one frame over and over', /1 s, %: constant$/],
  ['a wrong rate, three times off', /1 s, %: rate, three times off$/],
];

/** How much flatter those rows are than `speexdsp` at the quality that their time is held against: the least, dB. */
function flatter(names: readonly string[]): Source {
  return {
    bench: 'dsp',
    read: (from) => {
      const more = names.map((name) => {
        const theirs = row('resampler', name, "speexdsp q3's ripple").read(from);
        const ours = row('resampler', name, 'ripple').read(from);
        return theirs === null || ours === null ? null : theirs - ours;
      });
      return more.some((one) => one === null) ? null : Math.min(...more.map(Number));
    },
  };
}

/** In the order of the page. */
export const BARS: readonly (readonly [of: string, bars: readonly ProjectBar[]])[] = [
  [
    'G.711',
    [
      { of: 'codes and samples of all inputs unlike the tables', ...row('G.711', /./, 'unlike the tables'), atMost: 0 },
      { of: 'time of a frame, with the call and the copies', ...row('G.711', /./, 'time'), atMost: 120, unit: ' ns' },
      { of: 'best npm package / ours', ...row('G.711', /./, 'npm', 'least'), atLeast: 8, ...times, digits: 1 },
    ],
  ],
  [
    'resampler',
    [
      { of: 'up: ripple to 3.4 kHz', ...row('resampler', UP, 'ripple'), atMost: 0.01, ...dB, digits: 4 },
      { of: 'up: images', ...row('resampler', UP, 'images'), atMost: -87, ...dB, digits: 1 },
      { of: 'up: delay', ...row('resampler', UP, 'delay'), atMost: 3, ...ms, digits: 2 },
      { of: 'down, strict: ripple to 3.4 kHz', ...row('resampler', DOWN, 'ripple'), atMost: 0.01, ...dB, digits: 4 },
      {
        of: 'down, strict: folded back, from 4.08 kHz',
        ...row('resampler', DOWN, 'folded back'),
        atMost: -75,
        ...dB,
        digits: 1,
      },
      { of: 'down, strict: delay', ...row('resampler', DOWN, 'delay'), atMost: 4, ...ms, digits: 2 },
      { of: 'low delay: delay', ...row('resampler', /low delay/, 'delay'), atMost: 2, ...ms, digits: 2 },
      { of: 'low delay: images', ...row('resampler', /low delay/, 'images'), atMost: -75, ...dB, digits: 1 },
      { of: 'low delay: folded back', ...row('resampler', /low delay/, 'folded back'), atMost: -75, ...dB, digits: 1 },
      {
        of: 'minimum phase, 24 → 8 kHz: delay at 1 kHz (1 ms less than strict)',
        ...row('resampler', /^24 → 8 kHz, minimum phase/, 'delay at 1 kHz'),
        atMost: 1.88,
        ...ms,
        digits: 2,
      },
      {
        of: 'minimum phase: folded back',
        ...row('resampler', /minimum phase/, 'folded back'),
        atMost: -75,
        ...dB,
        digits: 1,
      },
      {
        of: '8 → 24 kHz / native speexdsp q3',
        ...row('resampler', '8 → 24 kHz, strict', 'native'),
        atMost: 0.25,
        ...times,
        digits: 2,
      },
      {
        of: '24 → 8 kHz, strict / native speexdsp q3',
        ...row('resampler', '24 → 8 kHz, strict', 'native'),
        atMost: 0.4,
        ...times,
        digits: 2,
      },
      {
        of: '…and flatter to 3.4 kHz than it, by',
        ...flatter(['8 → 24 kHz, strict', '24 → 8 kHz, strict']),
        atLeast: 0,
        ...dB,
        digits: 2,
      },
      {
        of: 'best equal npm package / ours',
        ...row('resampler', /strict/, 'npm', 'least'),
        atLeast: 3,
        ...times,
        digits: 1,
      },
      {
        of: 'exact rate over hours, cut anyhow',
        test: 'test/assembly/resample.test.ts',
        title: 'hours of a stream, cut anyhow, make exactly as many samples as its rate says',
      },
    ],
  ],
  [
    'voice activity, neural, people who were not learned from',
    [
      {
        of: 'area under the ROC, mean of the conditions',
        ...kept('vad/compare', 'neural: area under the ROC, mean of the conditions'),
        atLeast: 0.955,
        digits: 3,
      },
      {
        of: 'area under the ROC, one threshold',
        ...kept('vad/compare', 'neural: area under the ROC, one threshold'),
        atLeast: 0.955,
        digits: 3,
      },
      {
        of: 'best F1, mean of the conditions',
        ...kept('vad/compare', 'neural: best F1, mean of the conditions'),
        atLeast: 0.92,
        digits: 3,
      },
      {
        of: '…by packets of 20 ms, as a call asks it',
        ...kept('vad/compare', 'neural, packets of 20 ms: best F1, mean of the conditions'),
        atLeast: 0.92,
        digits: 3,
      },
      {
        of: 'onset at 8 % false alarm, median',
        ...kept('vad/compare', 'neural: onset at 8 % false alarm, median, ms'),
        atMost: 50,
        ...ms,
      },
      { of: 'time of 20 ms', ...row('voice activity', /neural/, 'time'), atMost: 8000, unit: ' ns' },
    ],
  ],
  [
    'echo canceller',
    [
      {
        of: 'linear paths through G.711, 0 to 600 ms away: ERLE after 1 s',
        ...kept('echo-canceller', /^(hybrid|room)/, 'least'),
        atLeast: 20,
        ...dB,
        digits: 1,
      },
      {
        of: 'overdriven loudspeaker: ERLE after 1 s',
        ...kept('echo-canceller', /^overdriven/, 'least'),
        atLeast: 12,
        ...dB,
        digits: 1,
      },
      {
        of: 'ERLE from 1 s after a step of the delay by 200 ms',
        ...kept('echo-canceller', /^delay steps/, 'least'),
        atLeast: 20,
        ...dB,
        digits: 1,
      },
      { of: 'double talk: lost of the caller', ...kept('echo-canceller', /^double talk/), atMost: 2, ...dB, digits: 1 },
      { of: 'no echo: samples changed', ...kept('echo-canceller', /^no echo/), atMost: 0 },
      {
        of: 'time of 20 ms at 8 kHz, with an echo',
        ...kept('echo-canceller', /^µs per 20 ms/),
        atMost: 60,
        unit: ' µs',
        digits: 1,
      },
      {
        of: 'a path of ≥ 128 ms: 20 dB',
        test: 'test/assembly/echo-canceller.test.ts',
        title: 'a path of 128 ms: what comes back last is taken out like what comes back first',
      },
      {
        of: 'slips of the delay are followed',
        test: 'test/assembly/echo-canceller.test.ts',
        title: 'a step back by 200 ms, and slips of 10 ms',
      },
    ],
  ],
  [
    'barge-in, people who nothing was chosen on',
    [
      {
        of: 'the agent’s own echo at −10 dB and less: stops an hour',
        ...kept('barge-in', 'echo, stops an hour'),
        atMost: 0,
        digits: 1,
      },
      {
        of: 'pauses taken back over an echo: samples lost or repeated',
        ...kept('barge-in', 'echo, samples lost or repeated'),
        atMost: 0,
      },
      {
        of: 'caller’s onset → silence in the packets, median',
        ...kept('barge-in', 'barge-in: pause, ms p50'),
        atMost: 40,
        ...ms,
      },
      { of: 'the same over an echo', ...kept('barge-in', 'barge-in over an echo: pause, ms p50'), atMost: 40, ...ms },
      {
        of: 'silence → verdict, median',
        ...kept('barge-in', 'barge-in: verdict after the pause, ms p50'),
        atMost: 120,
        ...ms,
      },
      {
        of: 'a pause that is taken back: nothing lost, nothing repeated',
        test: 'test/session/reversible-barge-in.test.ts',
        title: 'nothing is lost and nothing is said twice: the two fades add up to what would have been said',
      },
    ],
  ],
  [
    'played position',
    [
      {
        of: 'error ≤ 20 ms, by what a switch says of its queue',
        test: 'test/session/played-ledger.test.ts',
        title:
          'by the marks of a switch that holds up to four frames: within a frame, once the agent has waited for a verdict',
      },
      {
        of: 'in any order of what comes',
        test: 'test/session/played-ledger.test.ts',
        title: 'in any order the position is what a count byte by byte says',
      },
    ],
  ],
  [
    'jitter buffer and playout',
    [
      ...['realtime priority', 'shared server', 'overloaded server'].map((path): ProjectBar => ({
        of: `recorded, ${path}: delay below a fixed 150 ms`,
        ...kept('jitter-buffer', `recorded, ${path}: ms less than 150`),
        atLeast: 60,
        ...ms,
      })),
      {
        of: 'recorded: made up beyond what the fixed buffer makes up (equal underruns)',
        ...kept('jitter-buffer', /^recorded.*made up/),
        atMost: 0.1,
        unit: ' %',
        digits: 2,
      },
      {
        of: 'modelled paths: delay below a fixed 150 ms',
        ...kept('jitter-buffer', /^modelled.*less than 150/, 'least'),
        atLeast: 60,
        ...ms,
      },
      {
        of: 'concealment nearer to what was said than silence, by',
        ...kept('jitter-buffer', /than silence/),
        atLeast: 0,
        ...dB,
        digits: 2,
      },
      { of: 'nearer than repetition, by', ...kept('jitter-buffer', /than repetition/), atLeast: 0, ...dB, digits: 2 },
      {
        of: 'nearer than G.711 Appendix I, by',
        ...kept('jitter-buffer', /than Appendix I/),
        atLeast: 0,
        ...dB,
        digits: 2,
      },
      {
        of: 'backlog drained at ≤ 1.15 ×',
        test: 'test/assembly/time-scale.test.ts',
        title: 'never faster than 1.15 times, nor slower than by as much',
      },
      {
        of: 'a clock ±1,000 ppm off: no click',
        test: 'test/session/caller-line.test.ts',
        title: 'ten minutes of a sender ${ppm} ppm off',
      },
      {
        of: 'comfort noise, RFC 3389',
        test: 'test/assembly/noise-model.test.ts',
        title: 'three coefficients: the correlation is that of the filter they step up to',
      },
    ],
  ],
  [
    'gain and shape',
    [
      {
        of: 'steady noise ≥ 10 dB down, and no musical noise',
        test: 'test/assembly/cleaning.test.ts',
        title: 'steady noise goes down by 10 dB and more, and sounds like the same noise',
      },
      {
        of: 'the limiter never clips',
        test: 'test/assembly/cleaning.test.ts',
        title: 'the limiter: any samples and any gain stay below −1 dB of overload with their sign',
      },
      {
        of: 'gain control to a target',
        test: 'test/assembly/cleaning.test.ts',
        title: 'voices from −45 to −10 dBov come out within 3 dB of the target',
      },
    ],
  ],
  [
    'keys and tones',
    [
      { of: 'talk-off: keys heard in honest audio that has none', ...kept('lie-detector', 'keys'), atMost: 0 },
      { of: 'hours of that audio', ...kept('lie-detector', 'hours without keys'), atLeast: 1, unit: ' h', digits: 1 },
      {
        of: 'Q.24: durations',
        test: 'test/assembly/dtmf.test.ts',
        title: '40 ms are a key and 23 ms are none, wherever they begin',
      },
      {
        of: 'Q.24: frequencies',
        test: 'test/assembly/dtmf.test.ts',
        title: '1.5 % beside the frequency is a key and 3.5 % is none, in quiet and in noise 20 dB down',
      },
      {
        of: 'Q.24: levels',
        test: 'test/assembly/dtmf.test.ts',
        title: 'levels from −3 to −25 dBm0 for each tone; −35 is none',
      },
      {
        of: 'Q.24: twist',
        test: 'test/assembly/dtmf.test.ts',
        title: 'the low tone may be 8 dB above the high one, the high one 4 dB above the low',
      },
      {
        of: 'Q.23: what is sent',
        test: 'test/assembly/dtmf.test.ts',
        title: 'what is dialled is the tones of Q.23, sample for sample, at every rate',
      },
      {
        of: 'dial, busy, congestion, ringback of three regions, fax, the beep: each told in time',
        test: 'test/assembly/progress-tones.test.ts',
        title: 'is heard, once, in time, and as nothing else',
      },
    ],
  ],
  [
    'lie detector',
    [
      { of: 'honest audio: suspicions', ...kept('lie-detector', 'suspicions'), atMost: 0 },
      { of: 'hours of it', ...kept('lie-detector', 'hours'), atLeast: 10, unit: ' h', digits: 1 },
      ...LIES.map(([of, figure]): ProjectBar => ({
        of: `${of}: found within 1 s of speech, of all pieces`,
        ...kept('lie-detector', figure, 'least'),
        atLeast: 100,
        unit: ' %',
        digits: 1,
      })),
    ],
  ],
  ['messages', [{ of: 'a whole message, built or read', ...row('messages', /./, 'time'), atMost: 2000, unit: ' ns' }]],
  [
    'all together',
    [
      {
        of: 'capture and render with detector, echo canceller, gain control, resampling both ways',
        ...row('pipes', /everything on/, 'time'),
        atMost: 100_000,
        unit: ' ns',
      },
      {
        of: 'best equal npm package / ours, wherever there is one',
        ...everyPackage(),
        atLeast: 3,
        ...times,
        digits: 1,
      },
      { of: 'WebAssembly memory of a call', ...row('module', /./, 'memory a call'), atMost: 128, unit: ' KiB' },
      { of: 'one module, gzipped', ...row('module', /./, 'gzipped'), atMost: 100, unit: ' KiB', digits: 1 },
      {
        of: 'weights (they are in that module: no more than all of it)',
        ...row('module', /./, 'gzipped'),
        atMost: 300,
        unit: ' KiB',
        digits: 1,
      },
      {
        of: 'any input: in range, never past its region',
        test: 'test/assembly/properties/call.test.ts',
        title: 'any bytes in any call: figures in range, and a restored memory is a new call',
      },
      {
        of: 'a trap ends one call only',
        test: 'test/session/trap.test.ts',
        title: 'a trap in a tick ends its own call; the other one is sent every frame, and the instance serves again',
      },
      {
        of: 'the same bytes in a browser',
        test: 'test/integration/browser-bench.test.ts',
        title: 'the page ends, shows all rows, and their hashes are those of Node',
      },
      {
        of: 'an echo on the demo’s line: the agent does not interrupt itself',
        test: 'test/integration/demo-variants.test.ts',
        title: 'with a loud echo on the line the agent never takes itself for the caller',
      },
    ],
  ],
  [
    'calls on one core',
    [
      { of: 'duplex calls', ...kept('calls-per-core', 'calls'), atLeast: 600 },
      { of: 'frames lost', ...kept('calls-per-core', 'lost frames'), atMost: 0 },
      { of: 'sent late, p99', ...kept('calls-per-core', 'late p99, ms'), atMost: 5, ...ms, digits: 2 },
      {
        of: 'of a core a call, detector on',
        ...kept('calls-per-core', '% of a core a call'),
        atMost: 0.2,
        unit: ' %',
        digits: 3,
      },
    ],
  ],
];

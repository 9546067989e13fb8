/** What figures of a line mean: a line of the report each, with the fix. */
import type { Finding } from '../finding.ts';
import { fail, pass, skip, warn } from '../finding.ts';
import type { LineMeasure } from './measure-line.ts';
import type { Reading } from './wire-audio.ts';
import { SIGNAL_KEYS } from './test-signal.ts';

/** What was measured on one call. */
export interface MeasuredCall {
  /** The switch, and the way: `fs (rtp, pcmu/8000)`. */
  readonly about: string;
  /** What came back to us. */
  readonly back: LineMeasure;
  /** What arrived at the far end, where that is ours too; null: it is the switch's. */
  readonly out: LineMeasure | null;
  /** Keys sent as events: what arrived at the far end, and what we were told of; null: they could not be sent that way. */
  readonly eventKeysOut: string | null;
  readonly eventKeysBack: string | null;
}

/** Sent as events, each way that there is. */
export const EVENT_KEYS = '42';

/** Figures from which on something is wrong: warn, fail. */
export const LINE_BARS = {
  delayMs: [300, 800],
  jitterMs: [12, 40],
  lossPct: [1, 5],
  /** Either way. */
  gainDb: [3, 12],
  /** Either way, of 1. */
  rateOff: [0.001, 0.01],
  /** From here on down. */
  speechMatch: [0.85, 0.6],
} as const;

/** Below this it is silence, dBov. */
const SILENT_DBOV = -60;

const NAMES: Readonly<Record<Reading, string>> = {
  l16: '16-bit samples, little endian',
  'l16-swapped': '16-bit samples in the other byte order',
  pcmu: 'µ-law',
  pcma: 'A-law',
};

/** Of one call, in the order in which one thing rests on the other. */
export function judgeLine(call: MeasuredCall): Finding[] {
  const { back, out, about } = call;
  const broken = (out === null ? null : brokenWay(out, 'out', about, call)) ?? brokenWay(back, 'back', about, call);
  if (broken !== null) return [broken];
  const both = pass('call.both-ways', 'what is sent is heard, and what is said comes back', {
    about,
    figures: { framesHeard: back.framesHeard, chirpMatch: rounded(back.chirpMatch, 3) },
  });
  return [
    both,
    rate(back, about),
    pass('call.format', 'codec and byte order are what they are declared to be', { about }),
    level(call),
    loss(call),
    delay(back, about),
    jitter(back, about),
    keys(back, about),
    eventKeys(call),
    speech(back, about),
  ];
}

/** Null: the test signal is there, as it was sent. */
function brokenWay(heard: LineMeasure, way: 'out' | 'back', about: string, { out }: MeasuredCall): Finding | null {
  const [from, to] = way === 'out' ? ['us', 'the switch'] : ['the switch', 'us'];
  const figures = { framesHeard: heard.framesHeard, loudestDbov: rounded(heard.loudestDbov, 1) };
  const extra = { about, figures };
  if (heard.framesHeard === 0) {
    return fail('call.one-way', `no packet came from ${from} to ${to}`, wayFix(way), extra);
  }
  if (heard.loudestDbov < SILENT_DBOV) {
    const known = way === 'out' || out !== null;
    const text = known
      ? `nothing but silence came from ${from} to ${to}`
      : 'packets come back, and nothing of what was sent is in them: what we send does not reach the switch, or it takes it for something else';
    return fail('call.one-way', text, known ? wayFix(way) : wayFix('out'), extra);
  }
  if (heard.reading !== null && heard.rateRatio !== null && heard.chirpMatch > 0 && heard.lossPct === null) {
    return misread(heard, way, extra);
  }
  if (heard.reading !== null) return null;
  const text = `what came from ${from} to ${to} is not what was sent, in no codec, byte order or rate that was tried`;
  return fail(
    'call.garbled',
    text,
    'is the far end an echo? Otherwise another codec, encryption (SRTP) or an effect on the channel is in the way',
    extra,
  );
}

function misread(
  heard: LineMeasure,
  way: 'out' | 'back',
  extra: { about: string; figures: Record<string, number> },
): Finding {
  const where = way === 'out' ? 'at the far end' : 'when it came back';
  const ratio = heard.rateRatio ?? 1;
  const figures = { ...extra.figures, rateRatio: rounded(ratio, 4), chirpMatch: rounded(heard.chirpMatch, 3) };
  const reading = heard.reading ?? 'l16';
  if (ratio !== 1) {
    return fail(
      'call.rate',
      `the rate is wrong: 1000 Hz were ${Math.round(1000 * ratio)} Hz ${where}`,
      `what is declared is ${rounded(1 / ratio, 3)} times the true rate: set the format of the media path to the rate that the switch really sends`,
      { about: extra.about, figures },
    );
  }
  const swapped = reading === 'l16-swapped';
  return fail(
    swapped ? 'call.byte-order' : 'call.codec',
    `${swapped ? 'the byte order is wrong' : 'the codec is wrong'}: the bytes are ${NAMES[reading]} ${where}`,
    swapped
      ? 'L16 of RTP is big endian, that of everything else little: take another media path or G.711, and report which switch does this'
      : `set the codec of the media path to what is really sent (${NAMES[reading]}), or to auto`,
    { about: extra.about, figures },
  );
}

function wayFix(way: 'out' | 'back'): string {
  return way === 'out'
    ? 'open the UDP (or TCP) ports from here to the switch, and have the switch announce an address that can be reached from here (ext-rtp-ip, external_media_address)'
    : 'open the UDP (or TCP) ports of the media path from the switch to here, and set advertiseHost to the address at which the switch reaches us';
}

function rate({ rateRatio }: LineMeasure, about: string): Finding {
  const off = Math.abs((rateRatio ?? 1) - 1);
  const ppm = Math.round(((rateRatio ?? 1) - 1) * 1e6);
  const extra = { about, figures: { ratePpm: ppm } };
  if (off < LINE_BARS.rateOff[0]) return pass('call.rate', `1000 Hz come back as 1000 Hz (${ppm} ppm)`, extra);
  const text = `1000 Hz come back as ${(1000 * (rateRatio ?? 1)).toFixed(1)} Hz`;
  const fix = 'something on the way resamples to a rate that is not the declared one: set the format of the media path';
  return off < LINE_BARS.rateOff[1] ? warn('call.rate', text, fix, extra) : fail('call.rate', text, fix, extra);
}

function level({ back, out, about }: MeasuredCall): Finding {
  const gain = back.gainDb ?? 0;
  const figures = { gainDb: rounded(gain, 1), ...(out === null ? {} : { gainOutDb: rounded(out.gainDb ?? 0, 1) }) };
  const way =
    out === null ? '' : Math.abs(out.gainDb ?? 0) > LINE_BARS.gainDb[0] ? ' (on the way out)' : ' (on the way back)';
  const text = `the tone comes back ${Math.abs(rounded(gain, 1))} dB ${gain < 0 ? 'quieter' : 'louder'}`;
  const fix = `look for a gain on the channel${way}: volume of the endpoint, VOLUME() or uuid_audio, an AGC`;
  return banded('call.level', Math.abs(gain), LINE_BARS.gainDb, text, fix, { about, figures });
}

function loss({ back, out, about }: MeasuredCall): Finding {
  const lost = back.lossPct ?? 0;
  const figures = {
    lossPct: rounded(lost, 1),
    wireLossPct: rounded(back.wireLossPct, 1),
    ...(out === null ? {} : { lossOutPct: rounded(out.lossPct ?? 0, 1) }),
  };
  const where =
    back.wireLossPct >= LINE_BARS.lossPct[0]
      ? `; ${rounded(back.wireLossPct, 1)} % of the packets from the switch are missing`
      : (out?.lossPct ?? 0) >= LINE_BARS.lossPct[0]
        ? `; ${rounded(out?.lossPct ?? 0, 1)} % were lost on the way out`
        : '';
  const text = `${rounded(lost, 1)} % of the sound is lost on the way there and back${where}`;
  const fix =
    'look for a full link, Wi-Fi, a too small net.core.rmem_max, or a machine without enough CPU; run talkspurt beside the switch';
  return banded('call.loss', lost, LINE_BARS.lossPct, text, fix, { about, figures });
}

function delay({ delayMs }: LineMeasure, about: string): Finding {
  const text = `there and back takes ${Math.round(delayMs ?? 0)} ms`;
  const fix =
    'look for jitter buffers on the way (jitterbuffer of the switch), and for distance: run talkspurt near the switch';
  return banded('call.delay', delayMs ?? 0, LINE_BARS.delayMs, text, fix, {
    about,
    figures: { delayMs: rounded(delayMs ?? 0, 1) },
  });
}

function jitter({ jitterMs, jitterWorstMs }: LineMeasure, about: string): Finding {
  const figures = { jitterMs: rounded(jitterMs, 1), jitterWorstMs: rounded(jitterWorstMs, 1) };
  const text = `packets come ${rounded(jitterMs, 1)} ms off their time on average, ${Math.round(jitterWorstMs)} ms at worst`;
  const fix =
    'look for a queue or Wi-Fi on the way, and for a switch or a talkspurt that is short of CPU (see timers above)';
  return banded('call.jitter', jitterMs, LINE_BARS.jitterMs, text, fix, { about, figures });
}

function keys({ keys: heard }: LineMeasure, about: string): Finding {
  if (heard === SIGNAL_KEYS) return pass('call.keys', `keys in the audio come back (${SIGNAL_KEYS})`, { about });
  const missing = SIGNAL_KEYS.length - (heard ?? '').length;
  const text = `of the keys in the audio ${missing === 0 ? 'others than were pressed' : `${SIGNAL_KEYS.length - missing} of ${SIGNAL_KEYS.length}`} come back`;
  return warn(
    'call.keys',
    text,
    'a codec for speech alone, a noise filter or loss is on the way; have keys sent as events (rfc4733)',
    { about },
  );
}

function eventKeys({ eventKeysOut: out, eventKeysBack: back, about }: MeasuredCall): Finding {
  const ways = [
    ...(out === null ? [] : [{ keys: out, way: 'from us to the far end' }]),
    ...(back === null ? [] : [{ keys: back, way: 'from the switch to us' }]),
  ];
  if (ways.length === 0) return skip('call.key-events', 'keys as events cannot be tried on this path', { about });
  const missing = ways.filter(({ keys: heard }) => heard !== EVENT_KEYS).map(({ way }) => way);
  if (missing.length === 0) {
    return pass('call.key-events', `keys as events arrive ${ways.map(({ way }) => way).join(', and ')}`, { about });
  }
  const fix = 'set the DTMF mode of the endpoint (rfc4733, dtmf-type), and dtmf of the profile to both';
  return warn('call.key-events', `keys as events do not arrive ${missing.join(', nor ')}`, fix, { about });
}

function speech({ speechMatch }: LineMeasure, about: string): Finding {
  const match = speechMatch ?? 0;
  const extra = { about, figures: { speechMatch: rounded(match, 3) } };
  const text = `speech comes back ${Math.round(100 * match)} % alike`;
  if (match >= LINE_BARS.speechMatch[0]) return pass('call.speech', text, extra);
  const fix =
    'a codec of low rate, an echo canceller, a noise filter or loss changes it: see the lines above; set the codec to G.711';
  return match >= LINE_BARS.speechMatch[1]
    ? warn('call.speech', text, fix, extra)
    : fail('call.speech', text, fix, extra);
}

function banded(
  id: string,
  value: number,
  [warnAt, failAt]: readonly [number, number],
  text: string,
  fix: string,
  extra: { about: string; figures: Record<string, number> },
): Finding {
  if (Number.isNaN(value)) return skip(id, text, extra);
  if (value < warnAt) return pass(id, text, extra);
  return value < failAt ? warn(id, text, fix, extra) : fail(id, text, fix, extra);
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

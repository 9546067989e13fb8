/** Symptoms of audio that is missing, broken or not what it says it is. */
import { hasError, percent, seconds, sharePct, suspected, times } from './record-figures.ts';
import { TROUBLE } from './symptom.ts';
import type { Symptom } from './symptom.ts';

/** Part of the symptom table, the gravest first. */
export const AUDIO_SYMPTOMS: readonly Symptom[] = [
  {
    id: 'no-audio-in',
    symptom: 'no audio either way, or the agent does not hear the caller',
    cause: 'nothing of the switch ever reached us: firewall, NAT, or the wrong address is announced',
    sign: 'the audio path was open and `media.captured_frames` is 0',
    fix: 'open the UDP (or TCP) ports of the media path from the switch to us; set advertiseHost to the address at which the switch reaches us; `talkspurt doctor --call SWITCH` tries both directions',
    certainty: 'certain',
    evidence: ({ media, milestones, duration_ms }) =>
      milestones.media_opened_ms !== null && media?.captured_frames === 0 && duration_ms >= 2_000
        ? `no frame came in ${seconds(duration_ms)}, ${media.sent_frames} were sent`
        : null,
  },
  {
    id: 'audio-stopped',
    symptom: 'the audio stops in the middle of the call',
    cause:
      'the switch stopped sending: a network that broke, a NAT that forgot, or another application took the channel',
    sign: '`stalls` above 0, or ERR_TALKSPURT_MEDIA_STALLED',
    fix: "look at the switch's log at that time; keep NAT bindings alive (RTP both ways); do not run playbacks or bridges on a channel that has a voice",
    certainty: 'certain',
    evidence: (record) => {
      const { stalls, media } = record;
      if (media?.captured_frames === 0 || (stalls === 0 && hasError(record, /MEDIA_STALLED$/) === null)) return null;
      const last =
        media === null || media.silent_ms === null
          ? ''
          : `; the last frame came ${seconds(media.silent_ms)} before the end`;
      return `${times(Math.max(1, stalls))} nothing came for long${last}`;
    },
  },
  {
    id: 'garbled',
    symptom: 'the caller, or the agent, is noise, too slow, too fast or garbled',
    cause: 'the audio is not what it is declared to be: codec, byte order, rate or channels',
    sign: '`suspects` names byte-order, ulaw, alaw, l16, stereo, too-slow or too-fast',
    fix: 'declare what is really sent (format of the media path, inputFormat and outputFormat of a stream); what each suspicion wants is in docs/signal-chain.md; `talkspurt doctor --call SWITCH` proves the way through the switch',
    certainty: 'certain',
    evidence: (record) => suspected(record, /byte-order|ulaw|alaw|l16|stereo|too-slow|too-fast/),
  },
  {
    id: 'distorted',
    symptom: 'the voice is distorted, or stuck',
    cause: 'the source is overdriven, off its middle, or repeats itself',
    sign: '`suspects` names clipping, dc or constant',
    fix: 'turn the gain of the source down; capture.highPassHz: 100 takes an offset away',
    certainty: 'certain',
    evidence: (record) => suspected(record, /clipping|: dc|constant/),
  },
  {
    id: 'loss-in',
    symptom: 'the caller is choppy, the agent misunderstands',
    cause: 'packets are lost on the way from the switch',
    sign: '`media.lost_frames` is 1 % of the frames or more',
    fix: 'look for a full link, Wi-Fi, or a too small UDP buffer (net.core.rmem_max) between switch and talkspurt; run both in one network',
    certainty: 'certain',
    evidence: ({ media }) => {
      if (media === null || media.captured_frames < TROUBLE.leastFrames) return null;
      const lost = sharePct(media.lost_frames, media.captured_frames + media.lost_frames);
      return lost < TROUBLE.lossPct
        ? null
        : `${media.lost_frames} of ${media.captured_frames + media.lost_frames} frames (${percent(lost)}) never came, or too late; ${media.concealed_ms} ms were made up`;
    },
  },
  {
    id: 'loss-out',
    symptom: 'the caller hears the agent choppy',
    cause: 'our packets are lost on the way to the switch',
    sign: '`media.remote_lost` is 1 % of `media.sent_frames` or more',
    fix: 'look for a full link between talkspurt and the switch, and for other processes that keep this one from sending in time',
    certainty: 'certain',
    evidence: ({ media }) => {
      if (media === null || media.remote_lost === null || media.sent_frames < TROUBLE.leastFrames) return null;
      const lost = sharePct(media.remote_lost, media.sent_frames);
      return lost < TROUBLE.lossPct
        ? null
        : `the switch misses ${media.remote_lost} of ${media.sent_frames} packets (${percent(lost)})`;
    },
  },
  {
    id: 'late-ticks',
    symptom: 'everything is choppy, on every call at once',
    cause: 'the process does not get the CPU in time',
    sign: '`media.late_ticks` is 2 % of `media.ticks` or more',
    fix: 'fewer calls for each process (limits.calls), a CPU of its own (CPUAffinity, nice), no swapping; `talkspurt doctor` measures how late its timers are, `npm run bench` how many calls fit',
    certainty: 'certain',
    evidence: ({ media }) => {
      if (media === null || media.ticks < TROUBLE.leastFrames) return null;
      const late = sharePct(media.late_ticks, media.ticks);
      return late < TROUBLE.lateTickPct
        ? null
        : `${media.late_ticks} of ${media.ticks} ticks (${percent(late)}) were late`;
    },
  },
  {
    id: 'jitter',
    symptom: 'the caller is choppy or comes late',
    cause: 'packets of the switch come irregularly',
    sign: '`media.jitter_ms` of 30 or more',
    fix: 'look for a queue or Wi-Fi between switch and talkspurt, and for a switch that is short of CPU',
    certainty: 'likely',
    evidence: ({ media }) =>
      media === null || media.jitter_ms < TROUBLE.jitterMs
        ? null
        : `arrivals varied by ${media.jitter_ms} ms; the buffer held ${media.buffer_ms} ms`,
  },
  {
    id: 'underrun',
    symptom: 'the agent is choppy, the caller is not',
    cause: 'the backend sends its voice more slowly than it is spoken',
    sign: '`media.underrun_ticks` is 5 % of `media.speaking_ticks` or more',
    fix: 'raise prebufferMs of the profile (300, say); choose a region of the backend that is nearer; check the link to it',
    certainty: 'likely',
    evidence: (record) => {
      const { media } = record;
      if (media === null || media.speaking_ticks < TROUBLE.leastFrames / 2) return null;
      const dry = sharePct(media.underrun_ticks, media.speaking_ticks);
      return dry < TROUBLE.underrunPct
        ? null
        : `nothing was there to say in ${percent(dry)} of the agent's speech; ${record.underrun_ms} ms were missing`;
    },
  },
  {
    id: 'overflow',
    symptom: 'the agent skips words, or the backend misses some',
    cause: 'audio came faster than it could be passed on, and was dropped',
    sign: '`overflow_bytes` or `media.dropped_to_backend` above 0',
    fix: 'place playout: raise playoutMaximumMs of the profile; place backend: the link to the backend is too slow; place jitter: the switch sends bursts',
    certainty: 'certain',
    evidence: (record) => {
      const { overflow_bytes, media, events } = record;
      const refused = media?.dropped_to_backend ?? 0;
      if (overflow_bytes === 0 && refused === 0) return null;
      const places = new Set(events.filter(({ type }) => type === 'media.overflow').map(({ place }) => String(place)));
      return `${overflow_bytes} bytes dropped (${[...places].join(', ') || 'place not told'}); ${refused} frames not taken by the backend's socket`;
    },
  },
  {
    id: 'clock-drift',
    symptom: 'a click or a skip every few seconds',
    cause: 'the clocks of the switch and of this machine run apart',
    sign: '`media.clock_drift_ppm` of 500 or more, either way',
    fix: 'let both follow NTP (chrony); a virtual machine needs the clock source of its host; a card of the switch its own timing',
    certainty: 'likely',
    evidence: ({ media }) => {
      const ppm = media?.clock_drift_ppm ?? 0;
      return Math.abs(ppm) < TROUBLE.driftPpm
        ? null
        : `the switch ran ${Math.abs(ppm)} ppm too ${ppm > 0 ? 'fast' : 'slow'}: ${Math.abs(Math.round(ppm / 1000))} ms each second`;
    },
  },
];

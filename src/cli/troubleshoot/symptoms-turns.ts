/** Symptoms of who speaks when: echo, callers that are not heard, slow answers. */
import type { CallRecord } from '../../observe/call-record-schema.ts';
import { median, starts, times } from './record-figures.ts';
import { TROUBLE } from './symptom.ts';
import type { Symptom } from './symptom.ts';

/** Part of the symptom table, the gravest first. */
export const TURNS_SYMPTOMS: readonly Symptom[] = [
  {
    id: 'echo',
    symptom: 'the agent interrupts itself',
    cause: "its own voice comes back from the caller's phone and is taken for the caller",
    sign: 'it was cut in on in two answers of five or more, and an echo was found, or the answers were cut after less than 2 s',
    fix: "echoCanceller: on in the profile, and a higher endpointer.bargeInMs (300); best is a phone or trunk without echo; docs/signal-chain.md, 'echo'",
    certainty: 'likely',
    evidence: ({ barge_ins, agent_turns, turns, media }) => {
      const answers = Math.max(agent_turns, turns.length);
      if (barge_ins.length < 2 || barge_ins.length < 0.4 * answers) return null;
      const played = median(barge_ins.map(({ played_ms }) => played_ms));
      const delay = media?.echo_delay_ms ?? null;
      if (delay === null && played >= 2_000) return null;
      const found =
        delay === null
          ? 'no echo was found'
          : `an echo was found after ${delay} ms, ${media?.erle_db ?? 0} dB of it were taken out`;
      return `${barge_ins.length} of ${answers} answers were cut, after ${Math.round(played)} ms (median); ${found}`;
    },
  },
  {
    id: 'false-barge-in',
    symptom: 'the agent hesitates again and again',
    cause: 'noise, echo or somebody in the background is taken for the caller cutting in',
    sign: '`barge_ins_withdrawn` of 3 or more, and more than real ones',
    fix: 'raise endpointer.bargeInMs or vadAggressiveness of the profile; capture.noiseSuppressionDb: 12; echoCanceller: on',
    certainty: 'likely',
    evidence: ({ barge_ins_withdrawn: withdrawn, barge_ins }) =>
      withdrawn >= 3 && withdrawn > barge_ins.length
        ? `the agent paused ${times(withdrawn)} for nothing, and ${times(barge_ins.length)} for the caller`
        : null,
  },
  {
    id: 'caller-muted',
    symptom: 'the agent does not hear the caller',
    cause: 'what comes from the switch is silence: a muted phone, or the wrong channel of it',
    sign: '`suspects` has `caller: silence`, or nobody spoke and `media.caller_dbov` is below −65',
    fix: 'have the caller unmute; on a tap choose the right side (mix, channel); `talkspurt doctor --call SWITCH` proves the way',
    certainty: 'likely',
    evidence: (record) => {
      if (!neverSpoke(record)) return null;
      const level = record.media?.caller_dbov ?? 0;
      const silent = record.suspects.includes('caller: silence');
      return silent || level < TROUBLE.mutedDbov
        ? `${record.media?.captured_frames} frames came, at ${level} dBov`
        : null;
    },
  },
  {
    id: 'caller-quiet',
    symptom: 'the agent does not hear the caller',
    cause: 'the caller is too quiet',
    sign: 'nobody spoke and `media.caller_dbov` is between −65 and −45',
    fix: 'raise the gain at the phone or trunk, or capture.agcTargetDbov: -22 in the profile',
    certainty: 'possible',
    evidence: (record) => {
      const level = record.media?.caller_dbov ?? 0;
      const quiet = neverSpoke(record) && level >= TROUBLE.mutedDbov && level < TROUBLE.quietDbov;
      return quiet && !record.suspects.includes('caller: silence') ? `the level at the end was ${level} dBov` : null;
    },
  },
  {
    id: 'caller-not-noticed',
    symptom: 'the agent does not hear the caller',
    cause: 'the caller was loud enough, and the detector heard no speech in it',
    sign: 'nobody spoke and `media.caller_dbov` is −45 or above',
    fix: 'lower vadAggressiveness or endpointer.speechThreshold of the profile; listen to a recording: it may be music or noise',
    certainty: 'possible',
    evidence: (record) => {
      const level = record.media?.caller_dbov ?? -127;
      return neverSpoke(record) && level >= TROUBLE.quietDbov ? `the level at the end was ${level} dBov` : null;
    },
  },
  {
    id: 'agent-silent',
    symptom: 'the agent never says anything',
    cause: 'the backend answered nothing although the call talked',
    sign: '`milestones.talking_ms` is set, the caller spoke, and `milestones.first_agent_audio_ms` is null',
    fix: "look at the backend's instructions and its modalities (it must answer in audio); a greeting in the profile has it speak first",
    certainty: 'likely',
    evidence: ({ milestones, caller_turns, mode }) =>
      milestones.talking_ms !== null && milestones.first_agent_audio_ms === null && caller_turns > 0 && mode !== 'ws'
        ? `the caller spoke ${times(caller_turns)} and got no answer`
        : null,
  },
  {
    id: 'slow-backend',
    symptom: 'answers come slowly',
    cause: 'the backend takes long from the end of the turn to its first audio',
    sign: 'median of `turns[].latency_ms` of 1,500 or more',
    fix: 'a faster model, a nearer region, shorter instructions, fewer tools that hold the answer up; prebufferMs adds to it',
    certainty: 'certain',
    evidence: ({ turns, tool_calls }) => {
      const latency = median(turns.map(({ latency_ms }) => latency_ms));
      return turns.length === 0 || latency < TROUBLE.answerMs
        ? null
        : `${Math.round(latency)} ms from the end of the turn to the first audio (median of ${turns.length}); ${tool_calls} tool calls`;
    },
  },
  {
    id: 'slow-endpoint',
    symptom: 'answers come slowly',
    cause: 'the end of the turn is recognised late',
    sign: 'median of `turns[].since_speech_ms` less `latency_ms` of 1,000 or more',
    fix: 'lower endpointer.stopMs of the profile (turnOwner: endpointer), or the silence of the turn detection of the backend',
    certainty: 'certain',
    evidence: ({ turns }) => {
      const late = median(turns.map(({ since_speech_ms, latency_ms }) => since_speech_ms - latency_ms));
      return turns.length === 0 || late < TROUBLE.endpointMs
        ? null
        : `${Math.round(late)} ms from the last word to the end of the turn (median of ${turns.length})`;
    },
  },
  {
    id: 'slow-buffer',
    symptom: 'answers come slowly, both talk at the same time',
    cause: 'audio waits long in the jitter buffer, or the way to the switch is long',
    sign: '`media.buffer_ms` of 150 or more, or `media.rtt_ms` of 300 or more',
    fix: 'take the jitter away (see above); run talkspurt near the switch',
    certainty: 'likely',
    evidence: ({ media }) =>
      media !== null && (media.buffer_ms >= TROUBLE.bufferMs || (media.rtt_ms ?? 0) >= TROUBLE.rttMs)
        ? `the buffer held ${media.buffer_ms} ms; the way to the switch and back takes ${media.rtt_ms ?? 'an unknown number of'} ms`
        : null,
  },
  {
    id: 'slow-start',
    symptom: 'the caller waits in silence at the beginning',
    cause: 'the backend takes long to open',
    sign: '`backend_connect_ms` of 2,000 or more',
    fix: '`talkspurt doctor` measures DNS, connecting and TLS apart; a region that is nearer; a sound in the dialplan before the voice',
    certainty: 'certain',
    evidence: ({ backend_connect_ms: connect }) =>
      connect === null || connect < TROUBLE.connectMs ? null : `it took ${connect} ms to open`,
  },
];

/** Long enough a call, audio came, and nobody was heard in it. */
function neverSpoke({ caller_turns, media, duration_ms, suspects }: CallRecord): boolean {
  const garbled = suspects.some((suspect) => starts(suspect, 'caller') && !suspect.endsWith('silence'));
  return (
    caller_turns === 0 &&
    !garbled &&
    duration_ms >= TROUBLE.leastMs &&
    (media?.captured_frames ?? 0) >= TROUBLE.leastFrames
  );
}

/** Symptoms of calls that failed, or ended when they should not. */
import { causeName, hasError, seconds, times } from './record-figures.ts';
import { TROUBLE } from './symptom.ts';
import type { Symptom } from './symptom.ts';

const NORMAL_CAUSES: ReadonlySet<number> = new Set([0, 16, 31]);

/** Part of the symptom table, the gravest first. */
export const FAILURES_SYMPTOMS: readonly Symptom[] = [
  {
    id: 'process-died',
    symptom: 'the call went silent all of a sudden',
    cause: 'the talkspurt process died during the call',
    sign: '`reason` is `aborted`',
    fix: "look at the service's log and for the kernel's out-of-memory killer at that time; run it under a service manager that starts it again",
    certainty: 'certain',
    evidence: ({ reason, duration_ms }) =>
      reason === 'aborted' ? `the process was gone when the call had lasted at least ${seconds(duration_ms)}` : null,
  },
  {
    id: 'backend-key',
    symptom: 'no agent: silence, then the call ends',
    cause: 'the backend does not take the key, or the account may not use the model',
    sign: 'ERR_TALKSPURT_BACKEND_AUTH or _DENIED in `errors`',
    fix: 'put a valid key (with quota and the right to that model) into the configuration; `talkspurt check --online` asks the backend',
    certainty: 'certain',
    evidence: (record) => hasError(record, /BACKEND_(AUTH|DENIED)$/),
  },
  {
    id: 'breaker-open',
    symptom: 'no agent, at once',
    cause: 'the backend has failed so often that calls are not even tried on it: its circuit breaker is open',
    sign: 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN in `errors`',
    fix: 'find out why the calls before it failed (their records); name a second backend that calls fail over to',
    certainty: 'certain',
    evidence: (record) => hasError(record, /BACKEND_BREAKER_OPEN$/),
  },
  {
    id: 'backend-failed',
    symptom: 'the agent falls silent in the middle of the call, or the call ends',
    cause: 'the backend, or the network to it, failed',
    sign: '`reason` is `backend-failed`, or a backend error other than the above',
    fix: "compare the time with the provider's status page; `talkspurt doctor` checks the way there; name a second backend that calls fail over to",
    certainty: 'certain',
    evidence: (record) => {
      const codes = hasError(record, /BACKEND_(?!AUTH|DENIED|BREAKER_OPEN|OVERFLOW)/);
      if (codes === null && record.reason !== 'backend-failed') return null;
      return [codes, ...(record.reason === 'backend-failed' ? ['the call ended for it'] : [])]
        .filter(Boolean)
        .join('; ');
    },
  },
  {
    id: 'backend-lost',
    symptom: 'the agent pauses for seconds, then goes on',
    cause: 'the connection to the backend broke and was made again',
    sign: '`backend_reconnects`, or `media.reconnects` above 0',
    fix: 'check the network to the backend (proxies that cut long connections among it); `talkspurt doctor`',
    certainty: 'certain',
    evidence: (record) => {
      const { media, backend_reconnects: had, backend_given_up: given } = record;
      if (had.length === 0 && given === null) {
        return media !== null && media.reconnects > 0 ? `dialled again ${times(media.reconnects)}` : null;
      }
      const ways = [...new Set(had.map(({ from, to }) => (from === to ? to : `${from} → ${to}`)))];
      const back = had.length === 0 ? [] : [`had back ${times(had.length)} (${ways.join(', ')})`];
      const lost = given === null ? [] : [`given up ${seconds(given.gap_ms)} after it was lost: ${given.action}`];
      return [...back, ...lost, `unheard for ${seconds(record.unheard_ms)} in all`].join('; ');
    },
  },
  {
    id: 'failover',
    symptom: 'calls are answered by another agent or voice than they should be',
    cause: 'a backend earlier in the list failed, and the next one took the call',
    sign: 'an entry of `backend_failovers` that succeeded',
    fix: "see what is wrong with the one before (`reason`), its breaker and its provider's status page; the next calls begin there when it is well again",
    certainty: 'certain',
    evidence: ({ backend_failovers: all }) => {
      const [first, ...more] = all.filter(({ outcome }) => outcome === 'succeeded');
      if (first === undefined) return null;
      const { from, to, stage, reason, at_ms: atMs } = first;
      const when = stage === 'start' ? 'at the start' : `after ${seconds(atMs)}`;
      return `${from} → ${to} ${when} (${reason})${more.length === 0 ? '' : `, and ${times(more.length)} more`}`;
    },
  },
  {
    id: 'ports',
    symptom: 'calls get no audio path and end at once',
    cause: 'no UDP port was left, or it could not be bound',
    sign: 'ERR_TALKSPURT_PORTS_EXHAUSTED or _MEDIA_BIND in `errors`',
    fix: 'widen the RTP port range (two ports for each call, four for a stereo tap), or end what else uses it; `talkspurt doctor` looks',
    certainty: 'certain',
    evidence: (record) => hasError(record, /(PORTS_EXHAUSTED|MEDIA_BIND)$/),
  },
  {
    id: 'link',
    symptom: 'calls are not taken, or cannot be controlled',
    cause: 'the link to the switch (Event Socket, ARI) is refused or was lost',
    sign: '`reason` is `link-lost`, or ERR_TALKSPURT_LINK_… in `errors`',
    fix: '`talkspurt doctor` logs in to every switch and says what is wrong: password, port, rights, a module that is missing',
    certainty: 'certain',
    evidence: (record) =>
      hasError(record, /_LINK_/) ?? (record.reason === 'link-lost' ? 'the call ended with the link' : null),
  },
  {
    id: 'no-audio-path',
    symptom: 'the call ends before anybody can talk',
    cause: 'the switch gave the call no audio path',
    sign: 'ERR_TALKSPURT_MEDIA_FORMAT, _MEDIA_CONNECTION, _UNICAST_…, _MODULE_…, _ARI_REFUSED or _SWITCH_COMMAND in `errors`',
    fix: 'docs/errors.md says what each code wants; `talkspurt doctor --call SWITCH` opens the same path on a call of its own',
    certainty: 'certain',
    evidence: (record) =>
      hasError(record, /(MEDIA_FORMAT|MEDIA_CONNECTION|UNICAST_|MODULE_|ARI_REFUSED|SWITCH_COMMAND)/),
  },
  {
    id: 'defect',
    symptom: 'the call ended for no visible reason',
    cause: 'a defect of talkspurt',
    sign: 'ERR_TALKSPURT_INTERNAL or _DSP_TRAP in `errors`',
    fix: 'report it, with this record and the log lines of the call',
    certainty: 'certain',
    evidence: (record) => hasError(record, /(INTERNAL|DSP_TRAP)$/),
  },
  {
    id: 'ended-by-us',
    symptom: 'the call ended in the middle',
    cause: 'we ended it: the process was stopped, or the call had its time',
    sign: '`reason` is `drained` or `expired`',
    fix: 'drained: raise drainSeconds, so that a stop waits for calls; expired: maxDurationMs and staleMs of the profile',
    certainty: 'certain',
    evidence: ({ reason, duration_ms }) =>
      reason === 'drained' || reason === 'expired' ? `${reason} after ${seconds(duration_ms)}` : null,
  },
  {
    id: 'backend-goodbye',
    symptom: 'the call ended in the middle',
    cause:
      'the backend took the conversation to be over: it closed its connection in good order, which is a goodbye and no loss',
    sign: '`reason` is `backend-ended`',
    fix: 'see in the log of the backend why it closed; a server that only goes for a while closes with 1001 or 1012, and is then sought again',
    certainty: 'likely',
    evidence: ({ reason, backend, duration_ms }) =>
      reason === 'backend-ended' ? `${backend ?? 'the backend'} said goodbye after ${seconds(duration_ms)}` : null,
  },
  {
    id: 'network-hangup',
    symptom: 'the call ended in the middle',
    cause: 'the telephone network or the switch ended it',
    sign: '`reason` is `hangup` and `hangup_cause` is neither 16 nor 31',
    fix: 'look the cause up in the log of the switch and of the trunk',
    certainty: 'certain',
    evidence: ({ reason, hangup_cause: cause, duration_ms }) =>
      reason === 'hangup' && !NORMAL_CAUSES.has(cause)
        ? `cause ${cause} ${causeName(cause)} after ${seconds(duration_ms)}`
        : null,
  },
  {
    id: 'early-hangup',
    symptom: 'callers hang up at once',
    cause: 'they heard nothing: nobody greeted them, or too late',
    sign: 'the caller hung up within 5 s, or before the agent said anything',
    fix: 'give the profile a greeting; see what made the beginning slow above, and whether the agent can be heard (`talkspurt doctor --call SWITCH`)',
    certainty: 'possible',
    evidence: ({ reason, hangup_cause: cause, duration_ms, milestones }) => {
      if (reason !== 'hangup' || !NORMAL_CAUSES.has(cause)) return null;
      const first = milestones.first_agent_audio_ms;
      if (first !== null && duration_ms >= TROUBLE.earlyMs) return null;
      return `hung up after ${seconds(duration_ms)}; the agent ${first === null ? 'had said nothing' : `began after ${seconds(first)}`}`;
    },
  },
];

/** `originate` and `bridge`: whom the simulated switch reaches at a dial string, and how the call comes to be. */
import { randomUUID } from 'node:crypto';
import type { DialWatcher } from './channel-bridge.ts';
import { readDialString, sipTarget } from './dial-string.ts';
import { causeNumber } from './hangup-cause.ts';
import type { SimulatedPhone } from './phone.ts';
import type { DialerHost } from './dialer-host.ts';
import { makeLoopback } from './loopback.ts';
import { wantedCodecs } from './sdp-text.ts';
import type { SipCredentials } from './sip-digest.ts';
import { SipEndpoint } from './sip-endpoint.ts';
import { SipLeg } from './sip-leg.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** A call to be made. */
export interface Dialling {
  readonly text: string;
  /** The channel that calls, for its numbers; null: nobody. */
  readonly originator: SimulatedChannel | null;
  /** When the command says so; a variable of the dial string goes before. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const NOBODY = '0000000000';

/** Owns the SIP endpoint; each leg goes with its channel. */
export class SwitchDialer {
  readonly #host: DialerHost;
  readonly #endpoint: SipEndpoint;

  constructor(host: DialerHost) {
    this.#host = host;
    this.#endpoint = new SipEndpoint(host.address, () => host.frozen());
  }

  /** The profile's port, or 0 before the first call through it. */
  get sipPort(): number {
    return this.#endpoint.port;
  }

  /** The new channel, or the number of the cause for which there is none; null: the text is no dial string. */
  dial(dialling: Dialling, watcher: DialWatcher): SimulatedChannel | number | null {
    const read = readDialString(dialling.text);
    if (read === null || read.target === '') return null;
    const { target, variables } = read;
    const wanted = variables['origination_uuid'];
    if (wanted !== undefined && this.#host.has(wanted)) return causeNumber('DESTINATION_OUT_OF_ORDER');
    const uuid = wanted ?? randomUUID();
    const timed = this.#withTimeout(dialling, variables, watcher);
    const phone = this.#host.phoneAt(target);
    if (phone !== null) return this.#dialPhone(uuid, target, phone, { dialling, variables }, timed);
    if (target.startsWith('sofia/')) return this.#dialSip(uuid, target, { dialling, variables }, timed);
    if (target.startsWith('loopback/'))
      return makeLoopback(
        { uuid, target, variables, from: numberOf(dialling, variables), originator: dialling.originator },
        this.#host,
        timed.watcher,
      );
    return causeNumber(target.startsWith('user/') ? 'USER_NOT_REGISTERED' : 'CHAN_NOT_IMPLEMENTED');
  }

  /** Ends everything at once; no word to anyone. */
  close(): void {
    this.#endpoint.close();
  }

  /** A phone of the test or the demo: it answers at once. */
  #dialPhone(uuid: string, target: string, phone: SimulatedPhone, call: Call, timed: Timed): SimulatedChannel {
    const channel = this.#host.add(uuid, {
      phone,
      direction: 'outbound',
      variables: this.#variables(call),
      to: (target.split('/').at(-1) ?? target).split('@')[0]!,
      from: numberOf(call.dialling, call.variables),
      ...(target.startsWith('sofia/') ? { name: target } : {}),
    });
    channel.enterDialled(timed.watcher, call.dialling.originator);
    timed.start(channel);
    channel.answer();
    return channel;
  }

  #dialSip(uuid: string, target: string, call: Call, timed: Timed): SimulatedChannel | number {
    const { dialling, variables } = call;
    const found = sipTarget(target);
    if (found === null) return causeNumber('NORMAL_TEMPORARY_FAILURE');
    const codecs = wantedCodecs(variables['absolute_codec_string']);
    const [first] = codecs;
    if (first === undefined) return causeNumber('INCOMPATIBLE_DESTINATION');
    const { user, ...peer } = found;
    const from = numberOf(dialling, variables);
    const options = {
      user,
      peer,
      from,
      name: from === NOBODY ? '' : (variables['origination_caller_id_name'] ?? from),
      maxForwards: dialling.originator === null ? 70 : 69,
      headers: sipHeaders(variables),
      credentials: credentialsOf(variables),
      codecs,
      endpoint: this.#endpoint,
    };
    const leg: SipLeg = new SipLeg(options, this.#host.clock, {
      onRinging: () => channel.ring(),
      onMedia: (codec, answered) => {
        channel.agreeOn(codec);
        if (answered) channel.answer();
        else channel.preAnswer();
      },
      onHold: (held) => channel.hold(held, true),
      onEnd: (cause) => channel.hangup(cause),
    });
    const { name: codec, sampleRateHz, ptimeMs } = first;
    const channel = this.#host.add(uuid, {
      phone: leg.phone,
      direction: 'outbound',
      variables: { ...this.#variables(call), sip_profile_name: 'internal' },
      to: user,
      from,
      name: target,
      codec,
      sampleRateHz,
      ptimeMs,
    });
    channel.enterDialled(timed.watcher, dialling.originator);
    timed.start(channel);
    void leg.start().then(() => channel.variables.set('sip_call_id', leg.callId));
    return channel;
  }

  #variables({ dialling, variables }: Call): Record<string, string> {
    const { originator } = dialling;
    const exported = originator?.variables.get('export_vars')?.split(',') ?? [];
    const inherited: Record<string, string> = {};
    for (const name of exported) {
      const value = originator?.variables.get(name);
      if (value !== undefined) inherited[name] = value;
    }
    const call = originator === null ? {} : { call_uuid: originator.uuid, originator: originator.uuid };
    return { ...inherited, ...variables, ...call };
  }

  /** A call that nobody takes ends after a while. */
  #withTimeout(dialling: Dialling, variables: Call['variables'], watcher: DialWatcher): Timed {
    const seconds = Number.parseInt(variables['originate_timeout'] ?? variables['leg_timeout'] ?? '', 10);
    const timeoutMs = seconds > 0 ? seconds * 1000 : (dialling.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let over = false;
    let cancel = (): void => undefined;
    const finish = (): void => {
      over = true;
      cancel();
    };
    return {
      watcher: {
        onReady: () => (finish(), watcher.onReady()),
        onFailed: (cause) => (finish(), watcher.onFailed(cause)),
      },
      start: (channel) => {
        if (over) return;
        const timer = this.#host.clock.after(timeoutMs, () => channel.hangup(causeNumber('NO_ANSWER')));
        cancel = (): void => timer.cancel();
      },
    };
  }
}

interface Call {
  readonly dialling: Dialling;
  readonly variables: Readonly<Record<string, string>>;
}

interface Timed {
  readonly watcher: DialWatcher;
  start(channel: SimulatedChannel): void;
}

/** Who calls. */
function numberOf({ originator }: Dialling, variables: Call['variables']): string {
  return variables['origination_caller_id_number'] ?? originator?.describe().from ?? NOBODY;
}

function credentialsOf(variables: Call['variables']): SipCredentials | null {
  const username = variables['sip_auth_username'];
  return username === undefined ? null : { username, password: variables['sip_auth_password'] ?? '' };
}

/** `sip_h_X-Call=abc`: headers of the INVITE. */
function sipHeaders(variables: Call['variables']): [string, string][] {
  return Object.entries(variables)
    .filter(([name]) => name.startsWith('sip_h_'))
    .map(([name, value]) => [name.slice('sip_h_'.length), value.replaceAll(/[\r\n]+/g, ' ')]);
}

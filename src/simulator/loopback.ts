/** `loopback/…`: two channels of the simulated switch whose phones are each other. */
import { randomUUID } from 'node:crypto';
import type { DialWatcher } from './channel-bridge.ts';
import type { DialerHost } from './dialer-host.ts';
import type { SimulatedPhone } from './phone.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** What `loopback/app=park` or `loopback/5000` asks for. */
export interface LoopbackCall {
  readonly uuid: string;
  readonly target: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly from: string;
  readonly originator: SimulatedChannel | null;
}

/** Frames that wait at most on their way from one side to the other. */
const WAITING_FRAMES = 10;

/** One end: what the channel at the other end plays is what it says. */
class LoopbackPhone implements SimulatedPhone {
  readonly #waiting: Int16Array[] = [];
  #digits = '';
  other: LoopbackPhone | null = null;
  hungUp = false;
  onAnswer = (): void => undefined;
  leavesWith: number | null = null;

  speak(frame: Int16Array): boolean {
    const next = this.#waiting.shift();
    if (next === undefined) return false;
    frame.set(next.subarray(0, frame.length));
    return true;
  }

  hear(frame: Int16Array | null): void {
    const to = this.other;
    if (frame === null || to === null) return;
    to.#waiting.push(frame.slice());
    if (to.#waiting.length > WAITING_FRAMES) to.#waiting.shift();
  }

  takeDigits(): string {
    const digits = this.#digits;
    this.#digits = '';
    return digits;
  }

  playDigits(digits: string): void {
    if (this.other !== null) this.other.#digits += digits.split('@')[0]!;
  }

  onHangup(cause: number): void {
    const { other } = this;
    this.other = null;
    if (other === null) return;
    other.hungUp = true;
    other.leavesWith = cause;
  }
}

/**
 * Makes both channels; the first is the one that was asked for. The second runs an application (`app=park`, `app=park:data`)
 * or an extension, after `pre_answer`: neither is ever answered unless that application answers. Their rate is 8,000 Hz
 * unless the *global* variable `loopback_initial_codec` says otherwise: one in braces comes too late.
 */
export function makeLoopback(call: LoopbackCall, host: DialerHost, watcher: DialWatcher): SimulatedChannel | number {
  const what = call.target.slice('loopback/'.length);
  const application = /^app=([^:]+)(?::(.*))?$/.exec(what);
  const name = application === null ? what.split('/')[0]! : application[1]!;
  const script = application === null ? host.extension(name) : [{ name, data: application[2] ?? '' }];
  const [near, far] = [new LoopbackPhone(), new LoopbackPhone()];
  near.other = far;
  far.other = near;
  const rate = Number(/^L16@(\d+)h/i.exec(host.globals.get('loopback_initial_codec') ?? '')?.[1] ?? 8000);
  const shared = { codec: 'L16', sampleRateHz: rate, from: call.from, to: name } as const;
  const farUuid = randomUUID();
  const a = host.add(call.uuid, {
    ...shared,
    phone: near,
    direction: 'outbound',
    name: `loopback/${name}-a`,
    variables: { ...call.variables, loopback_leg: 'A', other_loopback_leg_uuid: farUuid },
  });
  const b = host.add(farUuid, {
    ...shared,
    phone: far,
    direction: 'inbound',
    name: `loopback/${name}-b`,
    variables: { loopback_leg: 'B', other_loopback_leg_uuid: call.uuid },
  });
  a.enterDialled(watcher, call.originator);
  far.onAnswer = () => a.answer();
  b.enter(script === null ? [] : [{ name: 'pre_answer', data: '' }, ...script]);
  if (b.gone) a.hangup(b.hangupCause ?? 16);
  else if (!b.answered) a.preAnswer();
  return a;
}

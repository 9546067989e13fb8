/** What a configuration says of watchdogs, overload and goodbyes, as the parts that do it want it. */
import type { Config } from './config.ts';
import type { GatewayOverload } from './gateway-admission.ts';
import type { Admission, AdmissionPolicy } from './resilience/admission.ts';
import type { SendOff } from './session/send-off.ts';
import type { WatchdogOptions } from './session/watch-options.ts';

/** Of every call. */
export function watchdogOptions({ watchdogs }: Pick<Config, 'watchdogs'>): WatchdogOptions {
  const { capture, engine, speech, session, playout, announcement } = watchdogs;
  return {
    capture: { limitMs: capture.seconds * 1000, action: capture.action },
    engine: { limitMs: engine.seconds * 1000, action: engine.action },
    speech: { limitMs: speech.seconds * 1000, action: speech.action },
    session,
    playout: { limitMs: playout.seconds * 1000, dropMs: playout.dropSeconds * 1000 },
    announcement,
  };
}

/** Of the process. */
export function admissionPolicy({ overload }: Pick<Config, 'overload'>): AdmissionPolicy {
  const { lateTicksPct, loopLagMs, crowdedPct, freePorts, memoryMb, calmSeconds } = overload;
  return { lateTicksPct, loopLagMs, crowdedPct, freePorts, memoryMb, calmMs: calmSeconds * 1000 };
}

/** Who is asked, and where calls go that are not taken. */
export function gatewayOverload(
  { overload: { action, destination } }: Pick<Config, 'overload'>,
  admission: Pick<Admission, 'reasons' | 'refusal'>,
): GatewayOverload {
  return {
    get reasons() {
      return admission.reasons;
    },
    refusal: () => admission.refusal(),
    divertTo: action === 'transfer' ? destination : null,
  };
}

/** How calls are ended when a drain is over. */
export function sendOffOf({ farewell: { say, play, action, destination } }: Pick<Config, 'farewell'>): SendOff {
  return { told: say === '' && play === '' ? null : { say, play }, action, destination };
}

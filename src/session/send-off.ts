/** How a call is ended that the operator, not one of its sides, ends: told, then given to somebody else, hung up or let go. */
import type { TalkspurtError } from '../core/errors.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { EndReason } from '../core/events.ts';
import type { StopOptions } from './session-parts.ts';
import { tellCaller } from './tell-caller.ts';
import type { Announcement, TellCallerParts } from './tell-caller.ts';

/** What a call is told, and where it goes then. */
export interface SendOff {
  /** Null: nothing is said. */
  readonly told: Announcement | null;
  /** `release`: the channel is left to the switch, and its dialplan goes on. */
  readonly action: 'release' | 'hangup' | 'transfer';
  /** For `transfer`. */
  readonly destination: string;
}

/** Whose call it is. */
export interface SendOffParts extends TellCallerParts {
  /** Nothing more is heard of the caller. */
  pause(): void;
  /** Gives the caller to `destination`; our part is over then. @throws as `CallLeg.transfer` */
  transfer(destination: string): Promise<void>;
  /** Our part is over. */
  stop(reason: EndReason, options: StopOptions): Promise<void>;
  /** Something of it did not work; the call ends all the same. */
  onFault(error: TalkspurtError): void;
}

/** Does it. Never rejects; whatever goes wrong, our part ends. */
export async function sendOff(parts: SendOffParts, { told, action, destination }: SendOff): Promise<void> {
  const { signal } = parts;
  const attempt = async (work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (!signal.aborted) parts.onFault(asTalkspurtError(error));
      return false;
    }
  };
  if (told !== null) {
    // What the caller says from now on nobody will answer.
    parts.pause();
    await attempt(async () => await tellCaller(parts, told));
  }
  if (signal.aborted) return;
  if (action === 'transfer' && (await attempt(async () => await parts.transfer(destination)))) return;
  await parts.stop('drained', { hangup: action === 'hangup' });
}

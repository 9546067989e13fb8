/** An attended transfer: the caller waits while the switch asks somebody else; who is not had leaves the call as it was. */
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallEvent } from '../core/events.ts';
import type { AudioFormat } from '../core/media.ts';
import type { CallLeg } from '../switch/switch-adapter.ts';
import type { CallControls } from './call-controls.ts';

/** What the caller hears meanwhile, in the format that sounds had when it was made; `audio` null: silence. */
export interface HoldAudio {
  readonly audio: Uint8Array | null;
  readonly format: AudioFormat;
}

/** Whose call it is. */
export interface CallConsultationParts {
  readonly leg: CallLeg;
  /** The call's life: at its end nobody is asked any more. */
  readonly signal: AbortSignal;
  readonly emit: (event: CallEvent) => void;
}

/** One call's; there is one at a time. */
export class CallConsultation {
  readonly #parts: CallConsultationParts;
  #cancel: AbortController | null = null;

  constructor(parts: CallConsultationParts) {
    this.#parts = parts;
  }

  /** Somebody is being asked. */
  get running(): boolean {
    return this.#cancel !== null;
  }

  /** Nobody is asked any more; whoever waits for {@link run} is told. */
  cancel(): void {
    this.#cancel?.abort(new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'the transfer was called off'));
  }

  /** @throws ERR_TALKSPURT_ALREADY_RUNNING while somebody is being asked */
  refuseAnother(): void {
    if (!this.running) return;
    const message = 'an attended transfer is under way: call it off with hold off first';
    throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', message);
  }

  /**
   * Resolves when the caller talks to whoever is at `destination`. When it rejects the agent goes on, unless the call is over.
   * @throws ERR_TALKSPURT_NOT_SUPPORTED, ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_SOUND, and as `CallLeg.consult`
   */
  async run(controls: CallControls, destination: string, hold: HoldAudio): Promise<void> {
    const { leg, signal, emit } = this.#parts;
    if (leg.consult === undefined) {
      const message = 'this call cannot be transferred attended: transfer without it';
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
    }
    this.refuseAnother();
    const { held } = controls;
    if (!held) controls.hold(hold.audio, hold.format);
    const cancel = new AbortController();
    this.#cancel = cancel;
    emit({ type: 'transfer', stage: 'dialling' });
    try {
      await leg.consult(destination, AbortSignal.any([signal, cancel.signal]));
      emit({ type: 'transfer', stage: 'joined' });
    } catch (error) {
      const failure = asTalkspurtError(error);
      emit({ type: 'transfer', stage: 'failed', error: failure });
      if (!held && !signal.aborted) controls.unhold();
      throw failure;
    } finally {
      this.#cancel = null;
    }
  }
}

/** A simulated channel on hold: its phone neither speaks nor hears, and what is played to it stands still. */
import type { ChannelAudio } from './channel-audio.ts';
import type { ChannelSignals } from './channel-signals.ts';
import type { SimulatedPhone } from './phone.ts';

/** Held by the switch or by the phone itself. */
export class ChannelHold {
  readonly #signals: ChannelSignals;
  readonly #audio: ChannelAudio;
  readonly #phone: SimulatedPhone;
  #on = false;

  constructor(signals: ChannelSignals, audio: ChannelAudio, phone: SimulatedPhone) {
    this.#signals = signals;
    this.#audio = audio;
    this.#phone = phone;
  }

  get on(): boolean {
    return this.#on;
  }

  /** `uuid_hold`, and a phone that does it by itself. False when it is so already. */
  set(on: boolean, byPhone: boolean): boolean {
    if (on === this.#on) return false;
    this.#on = on;
    this.#signals.held(on);
    this.#audio.clear();
    if (!byPhone) this.#phone.hold?.(on);
    return true;
  }

  /** The call goes on elsewhere, or ends: it is held no more, and active again in its next state. `quietly`: no word to the phone. */
  release(quietly: boolean): void {
    if (!this.#on) return;
    this.#on = false;
    this.#signals.released();
    this.#audio.clear();
    if (!quietly) this.#phone.hold?.(false);
  }
}

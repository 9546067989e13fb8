/** What a channel is at, followed from its events: whether it is parked, and whether something runs in that park. */
import type { EslEvent } from './esl-link.ts';

/** What can be done about a channel whose unicast was ended. */
export type ChannelVerdict =
  /** Parked, and nothing runs: a park of ours cuts nobody short. */
  | 'idle'
  /** Something runs after which the channel may be parked. */
  | 'busy'
  /** Out of its park, and nothing runs: on its way to somewhere, or bridged by somebody else's doing. */
  | 'between'
  /** Given to somebody: it does not come back by itself. */
  | 'away';

/** Applications outside of a park that give the channel to somebody, or keep it for good. */
const KEEPERS: ReadonlySet<string> = new Set(
  'bridge uuid_bridge conference voicemail fifo callcenter valet_park eavesdrop echo delay_echo'.split(' '),
);
/** Stands for what cannot be known. */
const UNSEEN = 'unseen';
/** A channel executes few applications within one another; more is a switch that does not tell their ends. */
const MAXIMUM_RUNNING = 64;

/** One channel's doings. */
export class ChannelActivity {
  #events = 0;
  #parked = false;
  /** Applications that run, by their UUIDs. */
  readonly #running = new Map<string, string>();
  #playing = false;
  #bridged = false;
  /** After a bridge the channel parks by itself. */
  #parksAfterBridge = false;

  get verdict(): ChannelVerdict {
    if (this.#parked) return this.#runs ? 'busy' : 'idle';
    if (this.#given) return this.#parksAfterBridge ? 'busy' : 'away';
    return this.#runs ? 'busy' : 'between';
  }

  /** Events so far: what was asked of the switch before the last of them is out of date. */
  get events(): number {
    return this.#events;
  }

  /** From now on events may be missed: the channel counts as busy until one, or {@link onDump}, says otherwise. */
  onBlind(): void {
    this.#running.set(UNSEEN, UNSEEN);
  }

  /** An event of the channel. */
  onEvent(event: EslEvent): void {
    this.#events += 1;
    const { headers } = event;
    if (headers['variable_uuid'] !== undefined) {
      this.#parksAfterBridge = isTrue(headers['variable_park_after_bridge']);
    }
    switch (event.name) {
      case 'CHANNEL_PARK':
        // A park begins where nothing else runs: what has not told its end is over.
        this.#begin(true);
        break;
      case 'CHANNEL_UNPARK':
        this.#begin(false);
        break;
      case 'CHANNEL_EXECUTE':
        if (this.#running.size < MAXIMUM_RUNNING) this.#running.set(applicationUuid(event), applicationName(event));
        break;
      case 'CHANNEL_EXECUTE_COMPLETE':
        this.#running.delete(applicationUuid(event));
        if (this.#running.get(UNSEEN) === applicationName(event)) this.#running.delete(UNSEEN);
        break;
      case 'PLAYBACK_START':
        this.#playing = true;
        break;
      case 'PLAYBACK_STOP':
        this.#playing = false;
        break;
      case 'CHANNEL_BRIDGE':
        this.#bridged = true;
        break;
      case 'CHANNEL_UNBRIDGE':
        this.#bridged = false;
        // The end of this one is told by nothing else.
        for (const [uuid, name] of this.#running) if (name === 'uuid_bridge') this.#running.delete(uuid);
        break;
      default:
    }
  }

  /**
   * Begins anew with what the switch says of the channel now, after a time in which its events did not come. What runs is
   * not said: where it cannot be told, the channel counts as busy until an event says otherwise.
   */
  onDump(headers: Readonly<Record<string, string | undefined>>): void {
    this.#parksAfterBridge = isTrue(headers['variable_park_after_bridge']);
    const state = headers['Channel-State'] ?? '';
    const application = headers['variable_current_application'] ?? '';
    // An application that has left its result is over; and a script goes on at once, unless what it is at is a park.
    const over = application === 'park' || (headers['variable_current_application_response'] ?? '') !== '';
    this.#begin(state === 'CS_PARK' || (state === 'CS_EXECUTE' && over));
    if (state === 'CS_EXECUTE' && !over) this.#running.set(UNSEEN, application);
    // With another channel, or on the way to one.
    this.#bridged = state !== 'CS_PARK' && state !== 'CS_EXECUTE' && state !== 'CS_ROUTING';
  }

  #begin(parked: boolean): void {
    this.#parked = parked;
    this.#running.clear();
    this.#playing = false;
    this.#bridged = false;
  }

  get #runs(): boolean {
    return this.#running.size > 0 || this.#playing || this.#bridged;
  }

  get #given(): boolean {
    if (this.#bridged) return true;
    for (const name of this.#running.values()) if (KEEPERS.has(name)) return true;
    return false;
  }
}

function applicationUuid(event: EslEvent): string {
  return event.headers['Application-UUID'] ?? '';
}

function applicationName(event: EslEvent): string {
  return event.headers['Application'] ?? '';
}

function isTrue(text: string | undefined): boolean {
  return /^(true|yes|on|1|t|enabled|active|allow)$/i.test(text ?? '');
}

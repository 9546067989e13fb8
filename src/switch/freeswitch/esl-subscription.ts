/** What one client of an ESL server wants to hear: `event`, `nixevent`, `noevents`, `filter`, `myevents`. */
import { LIMITS } from '../../limits.ts';
import { eventHeader } from './esl-server-event.ts';
import type { EslEventFormat, EslServerEvent } from './esl-server-event.ts';

/** Subscriptions and filters of one connection; each verb returns the text of its reply, as FreeSWITCH words it. */
export class EslSubscription {
  format: EslEventFormat = 'plain';
  #listening = false;
  readonly #names = new Set<string>();
  /** CUSTOM subclasses asked for. */
  readonly #subclasses = new Set<string>();
  #filters: { header: string; value: string }[] = [];
  /** `myevents`: only events of this channel. */
  #onlyChannel: string | null = null;

  /** Whether this client is to get `event`. */
  wants(event: EslServerEvent): boolean {
    if (!this.#listening) return false;
    if (!this.#names.has('ALL')) {
      if (!this.#names.has(event.name)) return false;
      if (event.name === 'CUSTOM' && event.subclass !== undefined && !this.#subclasses.has(event.subclass))
        return false;
    }
    if (this.#filters.length > 0 && !this.#passesFilters(event)) return false;
    if (this.#onlyChannel === null) return true;
    return (
      eventHeader(event, 'Unique-ID') === this.#onlyChannel ||
      eventHeader(event, 'Job-Owner-UUID') === this.#onlyChannel
    );
  }

  /** `event [plain|json|xml] NAME… [CUSTOM subclass…]`: everything after CUSTOM is a subclass. */
  event(words: readonly string[]): string {
    const [first = '', ...others] = words;
    const format = eventFormat(first);
    if (format !== null) this.format = format;
    let keys = 0;
    let custom = false;
    for (const word of format === null ? words : others) {
      if (custom) {
        if (!this.#addSubclass(word)) return '-ERR too many subclasses';
        continue;
      }
      const name = eventName(word);
      if (name === null) continue;
      keys += 1;
      this.#names.add(name);
      custom = name === 'CUSTOM';
    }
    if (keys === 0) return '-ERR no keywords supplied';
    this.#listening = true;
    return `+OK event listener enabled ${this.format}`;
  }

  nixevent(words: readonly string[]): string {
    let keys = 0;
    let custom = false;
    for (const word of words) {
      if (custom) {
        this.#subclasses.delete(word);
        continue;
      }
      const name = eventName(word);
      if (name === null) continue;
      keys += 1;
      if (name === 'CUSTOM') custom = true;
      else if (name === 'ALL') this.#names.clear();
      else this.#nix(name);
    }
    if (keys === 0) return '-ERR no keywords supplied';
    this.#listening = true;
    return '+OK events nixed';
  }

  noevents(): string {
    if (!this.#listening) return '-ERR not listening for events';
    this.#listening = false;
    this.#names.clear();
    this.#subclasses.clear();
    return '+OK no longer listening for events';
  }

  /** `filter [add|delete] Header Value`; `text` is what follows the word `filter` and a blank. */
  filter(text: string): string {
    let [name, value] = splitOnce(text.trimStart());
    if (name.toLowerCase() === 'delete' && value !== '') {
      [name, value] = splitOnce(value);
      this.#filters = this.#filters.filter(
        (filter) =>
          name.toLowerCase() !== 'all' && !(filter.header === name && (value === '' || filter.value === value)),
      );
      return `+OK filter deleted. [${name}][${value}]`;
    }
    if (value === '') return '-ERR invalid syntax';
    if (name.toLowerCase() === 'add') [name, value] = splitOnce(value);
    // A pattern of an operator's making could hold the whole process up: only literal values are compared.
    if (/^[+\- ]*\//.test(value)) return '-ERR regular expressions are not supported';
    if (this.#filters.length >= LIMITS.eslServerSubscriptions) return '-ERR too many filters';
    this.#filters.push({ header: name, value });
    return `+OK filter added. [${name}]=[${value}]`;
  }

  /** `myevents <uuid> [plain|json|xml]`. */
  myevents(uuid: string, format: string): string {
    if (this.#onlyChannel !== null) return '-ERR aready enabled.';
    this.#onlyChannel = uuid;
    this.format = eventFormat(format) ?? this.format;
    for (const name of MY_EVENTS) this.#names.add(name);
    this.#listening = true;
    return '+OK Events Enabled';
  }

  #addSubclass(subclass: string): boolean {
    if (this.#subclasses.size >= LIMITS.eslServerSubscriptions && !this.#subclasses.has(subclass)) return false;
    this.#subclasses.add(subclass);
    return true;
  }

  /** Taking one name out of ALL leaves all the others. */
  #nix(name: string): void {
    if (this.#names.delete('ALL')) for (const each of EVENT_NAMES) this.#names.add(each);
    this.#names.delete(name);
  }

  /** One match of a positive filter is needed; one match of a negative one (`-value`) rejects. */
  #passesFilters(event: EslServerEvent): boolean {
    let passed = false;
    for (const { header, value } of this.#filters) {
      const actual = eventHeader(event, header);
      if (actual === undefined) continue;
      const sign = /^[+\- ]*/.exec(value)![0];
      const positive = sign.lastIndexOf('-') <= sign.lastIndexOf('+');
      if (actual.toLowerCase() !== value.slice(sign.length).toLowerCase()) continue;
      if (!positive) return false;
      passed = true;
    }
    return passed;
  }
}

/** The name of an event in its right spelling, or null when there is none such (`SWITCH_EVENT_…` is accepted too). */
export function eventName(word: string): string | null {
  const upper = word.toUpperCase();
  const name = upper.startsWith('SWITCH_EVENT_') ? upper.slice('SWITCH_EVENT_'.length) : upper;
  return name === 'ALL' || EVENT_NAMES.has(name) ? name : null;
}

function eventFormat(word: string): EslEventFormat | null {
  const lower = word.toLowerCase();
  return lower === 'plain' || lower === 'json' || lower === 'xml' ? lower : null;
}

function splitOnce(text: string): [string, string] {
  const blank = text.indexOf(' ');
  return blank < 0 ? [text, ''] : [text.slice(0, blank), text.slice(blank + 1)];
}

/** Every event name of FreeSWITCH 1.11 except ALL. */
const EVENT_NAMES: ReadonlySet<string> = new Set(
  `CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER CHANNEL_HANGUP
  CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE
  CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE
  CHANNEL_UUID API LOG INBOUND_CHAN OUTBOUND_CHAN STARTUP SHUTDOWN PUBLISH UNPUBLISH TALK NOTALK SESSION_CRASH MODULE_LOAD
  MODULE_UNLOAD DTMF MESSAGE PRESENCE_IN NOTIFY_IN PRESENCE_OUT PRESENCE_PROBE MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC
  BACKGROUND_JOB DETECTED_SPEECH DETECTED_TONE PRIVATE_COMMAND HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE EXE_SCHEDULE RE_SCHEDULE
  RELOADXML NOTIFY PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE RECV_MESSAGE REQUEST_PARAMS CHANNEL_DATA GENERAL COMMAND
  SESSION_HEARTBEAT CLIENT_DISCONNECTED SERVER_DISCONNECTED SEND_INFO RECV_INFO RECV_RTCP_MESSAGE SEND_RTCP_MESSAGE CALL_SECURE
  NAT RECORD_START RECORD_STOP PLAYBACK_START PLAYBACK_STOP CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START MEDIA_BUG_STOP
  CONFERENCE_DATA_QUERY CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE TEXT SHUTDOWN_REQUESTED
  CERT_RELOAD`.split(/\s+/),
);

/** What `myevents` subscribes to. */
const MY_EVENTS =
  `CHANNEL_ANSWER CHANNEL_APPLICATION CHANNEL_BRIDGE CHANNEL_CREATE CHANNEL_DATA CHANNEL_DESTROY CHANNEL_EXECUTE
  CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_ORIGINATE CHANNEL_UUID CHANNEL_OUTGOING CHANNEL_PARK
  CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_STATE CHANNEL_UNBRIDGE CHANNEL_UNPARK DETECTED_SPEECH DTMF NOTALK TALK`.split(
    /\s+/,
  );

/** `sendmsg`: what clients tell a channel's own thread to do. It is answered `+OK` long before it is done, or fails. */
import { LIMITS } from '../limits.ts';
import { headerOf } from '../switch/freeswitch/esl-request-parser.ts';
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import type { Application } from './application-text.ts';
import type { ChannelApplications } from './channel-applications.ts';
import { unicastRequest } from './unicast-media.ts';
import type { UnicastRequest } from './unicast-media.ts';

/** What the commands act on. */
export interface ChannelCommandHost {
  readonly applications: ChannelApplications;
  hangup(cause: string): void;
  startUnicast(request: UnicastRequest): void;
  /** The command was carried out, for better or worse: PRIVATE_COMMAND. */
  onDone(request: EslRequest): void;
}

/** The queue of one channel's `sendmsg` commands. */
export class ChannelCommands {
  readonly #host: ChannelCommandHost;
  #waiting: EslRequest[] = [];
  /** A command with `event-lock` runs: no other does until it is over. */
  #locked = false;
  /** `lead-frames` of the first command: frames of speech still to pass, and frames of any kind at most. */
  #lead: { speech: number; any: number } | null = null;

  constructor(host: ChannelCommandHost) {
    this.#host = host;
  }

  /** False when too many wait already. */
  push(request: EslRequest): boolean {
    if (this.#waiting.length >= LIMITS.simulatedCommands) return false;
    this.#waiting.push(request);
    return true;
  }

  /** `uuid_break all`: what waits is never done. */
  forget(): void {
    this.#waiting = [];
  }

  /** The channel goes elsewhere, or has `gone`: what waits is done in vain. */
  pass(gone: boolean): void {
    const waiting = this.#waiting;
    this.clear();
    for (const request of waiting) {
      if (!gone && headerOf(request, 'call-command') === 'execute')
        this.#host.applications.pass(whatToExecute(request));
      this.#host.onDone(request);
    }
  }

  clear(): void {
    this.#waiting = [];
    this.#locked = false;
    this.#lead = null;
  }

  /** Whether the frame of this tick goes to a command that waits for lead frames; comfort noise counts by half. */
  takesFrame(speech: boolean): boolean {
    const lead = this.#lead;
    if (lead === null) return false;
    lead.any -= 1;
    if (speech) lead.speech -= 1;
    return true;
  }

  /** Carries out what is due. */
  run(): void {
    for (let request = this.#waiting[0]; request !== undefined && !this.#locked; request = this.#waiting[0]) {
      if (this.#leads(request)) return;
      this.#lead = null;
      this.#waiting.shift();
      this.#carryOut(request);
    }
  }

  /** Whether a command has to wait on for its lead frames. */
  #leads(request: EslRequest): boolean {
    const frames = Number.parseInt(headerOf(request, 'lead-frames') ?? '0', 10) || 0;
    if (frames <= 0) return false;
    this.#lead ??= { speech: frames, any: frames * 2 };
    return this.#lead.speech > 0 && this.#lead.any > 0;
  }

  #carryOut(request: EslRequest): void {
    const locks = headerOf(request, 'event-lock') === 'true';
    if (locks) this.#locked = true;
    const done = (): void => {
      if (locks) this.#locked = false;
      this.#host.onDone(request);
    };
    switch (headerOf(request, 'call-command')) {
      case 'execute': {
        const application = whatToExecute(request);
        if (!this.#host.applications.execute(application, done)) this.#host.hangup('DESTINATION_OUT_OF_ORDER');
        return;
      }
      case 'hangup':
        this.#host.hangup(headerOf(request, 'hangup-cause') ?? '');
        break;
      case 'unicast':
        this.#host.startUnicast(unicastRequest(request));
        break;
      default:
    }
    done();
  }
}

function whatToExecute(request: EslRequest): Application {
  const data = headerOf(request, 'execute-app-arg') ?? request.body ?? '';
  return { name: headerOf(request, 'execute-app-name') ?? '', data };
}

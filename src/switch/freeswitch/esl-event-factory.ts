/** Makes events with the headers that every FreeSWITCH event begins with. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { EslServerEvent } from './esl-server-event.ts';

/** Who speaks: `hostname` and `switchname` are also what fs_cli asks for when it starts. */
export interface EslIdentity {
  readonly switchname: string;
  readonly hostname: string;
  readonly coreUuid?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** Where in the switch's sources an event comes from; clients show it, nobody depends on it. */
export interface EventSource {
  readonly file: string;
  readonly function: string;
  readonly line: number;
}

/** What makes an event beyond the headers that all share. */
export interface EventParts {
  readonly name: string;
  readonly source: EventSource;
  readonly subclass?: string;
  /** Headers in front of `Event-Name`: those of an event that a client sent. */
  readonly leading?: readonly (readonly [string, string])[];
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | undefined;
}

/** Numbers events and stamps them with identity and time. */
export class EslEventFactory {
  readonly identity: Required<EslIdentity>;
  readonly #clock: Clock;
  #sequence = 0;

  constructor(identity: EslIdentity, clock: Clock) {
    this.identity = { coreUuid: randomUUID(), ipv4: '127.0.0.1', ipv6: '::1', ...identity };
    this.#clock = clock;
  }

  make(parts: EventParts): EslServerEvent {
    const { identity } = this;
    const wallMs = this.#clock.wallTimeMs();
    const now = new Date(wallMs);
    this.#sequence += 1;
    const headers: (readonly [string, string])[] = [
      ...(parts.leading ?? []),
      ['Event-Name', parts.name],
      ['Core-UUID', identity.coreUuid],
      ['FreeSWITCH-Hostname', identity.hostname],
      ['FreeSWITCH-Switchname', identity.switchname],
      ['FreeSWITCH-IPv4', identity.ipv4],
      ['FreeSWITCH-IPv6', identity.ipv6],
      ['Event-Date-Local', localDate(now)],
      ['Event-Date-GMT', now.toUTCString()],
      ['Event-Date-Timestamp', microseconds(wallMs)],
      ['Event-Calling-File', parts.source.file],
      ['Event-Calling-Function', parts.source.function],
      ['Event-Calling-Line-Number', String(parts.source.line)],
      ['Event-Sequence', String(this.#sequence)],
      ...(parts.headers ?? []),
    ];
    return {
      name: parts.name,
      headers,
      ...(parts.subclass === undefined ? {} : { subclass: parts.subclass }),
      ...(parts.body === undefined ? {} : { body: parts.body }),
    };
  }
}

/** Microseconds since 1970, as FreeSWITCH counts. */
export function microseconds(wallMs: number): string {
  return String(Math.round(wallMs * 1000));
}

/** `2026-11-21 03:44:14` in the machine's own zone. */
export function localDate(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Writes the requests of one SIP dialog of the simulated switch, as FreeSWITCH's mod_sofia does. */
import { randomBytes } from 'node:crypto';
import { causeName } from './hangup-cause.ts';
import type { SipDigest } from './sip-digest.ts';
import { writeSip } from './sip-text.ts';
import type { SipText } from './sip-text.ts';

/** What stays the same in a dialog. */
export interface SipAuthorOptions {
  readonly callId: string;
  /** The profile's own address and port. */
  readonly address: string;
  readonly port: () => number;
  readonly transport: 'udp' | 'tcp';
  /** Calling number, and the name in front of it; empty: none. */
  readonly from: string;
  readonly name: string;
  /** How many switches the call may still pass. */
  readonly maxForwards: number;
  /** Headers that a dial string asks for. */
  readonly headers: SipText['headers'];
}

/** Which request, to whom. */
export interface SipRequestLine {
  readonly target: string;
  readonly to: string;
  readonly sequence: number;
  readonly branch: string;
}

const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY';
/** What mod_sofia calls itself. */
export const AGENT = 'FreeSWITCH-mod_sofia/1.11.2-release~64bit';
/** What goes into most messages. */
export const ABOUT: SipText['headers'] = [
  ['User-Agent', AGENT],
  ['Allow', ALLOW],
  ['Supported', 'timer, path, replaces'],
];
const IN_DIALOG_FORWARDS = 70;

/** Has the tag of the switch's side. */
export class SipAuthor {
  readonly #options: SipAuthorOptions;
  readonly #tag = newTag();
  /** The challenge that the other side has put; answered in every request from then on. */
  digest: SipDigest | null = null;

  constructor(options: SipAuthorOptions) {
    this.#options = options;
  }

  /** The value of Contact. */
  get contact(): string {
    const { address, port, transport } = this.#options;
    return `<sip:mod_sofia@${address}:${port()}${transport === 'tcp' ? ';transport=tcp' : ''}>`;
  }

  invite(line: SipRequestLine, sdp: string): string {
    const { maxForwards, headers } = this.#options;
    return writeSip(
      `INVITE ${line.target} SIP/2.0`,
      [
        ...this.#head('INVITE', line, maxForwards),
        ['Contact', this.contact],
        ...ABOUT,
        ['Allow-Events', 'talk, hold, conference, refer'],
        ...this.#authorization('INVITE', line),
      ],
      sdp,
      [
        ...headers,
        ['X-FS-Support', 'update_display,send_info'],
        ['Remote-Party-ID', `${this.#identity};party=calling;screen=yes;privacy=off`],
      ],
    );
  }

  bye(line: SipRequestLine, cause: number): string {
    const number = cause <= 127 ? cause : 16;
    return writeSip(`BYE ${line.target} SIP/2.0`, [
      ...this.#head('BYE', line, IN_DIALOG_FORWARDS),
      ...ABOUT,
      ...this.#authorization('BYE', line),
      ['Reason', `Q.850;cause=${number};text="${causeName(cause)}"`],
    ]);
  }

  cancel(line: SipRequestLine, cause: number): string {
    const reason =
      cause === 487 ? 'SIP;cause=487;text="ORIGINATOR_CANCEL"' : `Q.850;cause=${cause};text="${causeName(cause)}"`;
    const head = this.#head('CANCEL', line, this.#options.maxForwards);
    return writeSip(`CANCEL ${line.target} SIP/2.0`, [...head, ['Reason', reason]]);
  }

  /** Of a success it belongs to the dialog, of a failure to the transaction. */
  ack(line: SipRequestLine, success: boolean): string {
    const head = this.#head('ACK', line, success ? IN_DIALOG_FORWARDS : this.#options.maxForwards);
    if (!success) return writeSip(`ACK ${line.target} SIP/2.0`, head);
    const again: [string, string][] = this.digest === null ? [] : [[this.digest.header, this.digest.last]];
    return writeSip(`ACK ${line.target} SIP/2.0`, [...head, ['Contact', this.contact], ...again]);
  }

  get #identity(): string {
    const { from, name, address } = this.#options;
    return `${name === '' ? '' : `"${name.replaceAll(/["\\\r\n]/g, '')}" `}<sip:${from}@${address}>`;
  }

  #authorization(method: string, { target }: SipRequestLine): [string, string][] {
    return this.digest === null ? [] : [[this.digest.header, this.digest.answer(method, target)]];
  }

  #head(method: string, { to, sequence, branch }: SipRequestLine, forwards: number): [string, string][] {
    const { address, port, transport, callId } = this.#options;
    return [
      ['Via', `SIP/2.0/${transport.toUpperCase()} ${address}:${port()};rport;branch=${branch}`],
      ['Max-Forwards', String(forwards)],
      ['From', `${this.#identity};tag=${this.#tag}`],
      ['To', to],
      ['Call-ID', callId],
      ['CSeq', `${sequence} ${method}`],
    ];
  }
}

/** The branch of a new transaction. */
export function newBranch(): string {
  return `z9hG4bK${newTag()}`;
}

function newTag(): string {
  return randomBytes(8).toString('hex').slice(0, 13);
}

/** Ids that we give to what we make in Asterisk: they tell, even after a restart, what is ours and what for. */
import { createHash, randomUUID } from 'node:crypto';

/**
 * `media`, `snoop`: channels of ours beside a call. `half`: the other end of a Local channel that we dialled. `bridge`: what a
 * call and its media are in. `call`: a call that we dialled. `party`: whom a caller is to be transferred to. `joined`: what the
 * two are in then.
 */
export type OwnKind = 'media' | 'snoop' | 'half' | 'bridge' | 'call' | 'party' | 'joined';

const TAG_CHARACTERS = 8;
const OWN = /^talkspurt-(media|snoop|half|bridge|call|party|joined)-([0-9a-f]{8})-[0-9a-f-]{36}$/;

/** Ids of one Stasis application: another process on the same Asterisk has another application, and leaves ours alone. */
export class StasisIds {
  readonly #tag: string;

  constructor(app: string) {
    this.#tag = createHash('sha256').update(app).digest('hex').slice(0, TAG_CHARACTERS);
  }

  /** One that nothing has. */
  make(kind: OwnKind): string {
    return `talkspurt-${kind}-${this.#tag}-${randomUUID()}`;
  }

  /** What it is of this application's; null: not its own. */
  kindOf(id: string): OwnKind | null {
    const [, kind, tag] = OWN.exec(id) ?? [];
    return tag === this.#tag ? (kind as OwnKind) : null;
  }
}

/** Whether a channel is somebody's help for a call, whichever process made it; never a caller. */
export function isHelperId(id: string): boolean {
  const [, kind] = OWN.exec(id) ?? [];
  return kind !== undefined && kind !== 'call';
}

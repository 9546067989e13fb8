/** A call as a backend is told of it that takes another one's place: what was said is read when it is asked for, for the call goes on. */
import type { BackendCall, StreamResumption } from '../backend/backend.ts';
import type { ConversationRecord } from './conversation-record.ts';

/** For one stream that is opened. */
export class ToldCall {
  readonly #record: ConversationRecord;
  #mark = Number.POSITIVE_INFINITY;

  constructor(record: ConversationRecord) {
    this.#record = record;
  }

  /** Where the record ended when it was told what had been said; Infinity: it was not. */
  get mark(): number {
    return this.#mark;
  }

  /** `call`, with what was said. `resumption`: what a lost stream of the same backend left behind; null: nothing. */
  call(call: BackendCall, underWay: boolean, resumption: StreamResumption | null): BackendCall {
    const record = this.#record;
    const tell = (mark: number): ReturnType<ConversationRecord['history']> => {
      this.#mark = record.mark;
      return record.history(mark);
    };
    return {
      ...call,
      reopened: true,
      underWay,
      ...(resumption !== null && { resumption }),
      get history() {
        return tell(0);
      },
      historySince: tell,
      get mark() {
        return record.mark;
      },
      get toolCalls() {
        return record.pendingTools;
      },
    };
  }
}

/**
 * The call as it happens, in the terminal: one status line that is drawn over, and the transcript scrolling above it.
 * Without a terminal (a pipe, CI) only the lines that stay are written.
 */
import pc from 'picocolors';
import type { CallState, TalkspurtEvent, TurnState } from '../../core/events.ts';
import { printable } from '../../core/printable.ts';

/** The part of a terminal that the view needs. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How loud the two are. */
export interface LiveLevels {
  /** dBov, −127..0. */
  readonly callerDbov: number;
  readonly agentDbov: number;
}

const METER_WIDTH = 14;
/** The quietest level that shows on the meter. */
const METER_FLOOR_DBOV = -60;

/** Draws on one screen. */
export class LiveView {
  readonly #screen: Screen;
  #state: CallState = 'new';
  #turn: TurnState = 'listening';
  #drawn = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** A line that stays. */
  say(line: string): void {
    this.#wipe();
    this.#screen.write(`${line}\n`);
  }

  /** Takes one event in; some leave a line behind. `atMs` is the time since the call's start. */
  show(event: TalkspurtEvent, atMs: number): void {
    const time = pc.dim(`${(Math.max(0, atMs) / 1000).toFixed(1).padStart(5)} s`);
    switch (event.type) {
      case 'call.state':
        this.#state = event.state;
        this.say(`${time}  ${pc.dim(`call ${event.state}`)}`);
        break;
      case 'turn.state':
        this.#turn = event.state;
        break;
      case 'media.opened':
        this.say(
          `${time}  ${pc.dim(`media ${event.transport}, ${event.leg.codec}/${event.leg.sampleRateHz}, ${event.leg.ptimeMs} ms${event.passThrough ? ', passed through' : ''}`)}`,
        );
        break;
      case 'transcript':
        if (event.final)
          this.say(
            `${time}  ${event.by === 'caller' ? pc.green('caller') : pc.blue('agent ')}  ${printable(event.text)}`,
          );
        break;
      case 'turn.response-latency':
        this.say(`${time}  ${pc.yellow(`response after ${Math.round(event.latencyMs)} ms`)}`);
        break;
      case 'barge-in':
        this.say(
          `${time}  ${pc.red(`barge-in: agent silent after ${Math.round(event.stopMs)} ms, ${Math.round(event.playedMs)} ms of the phrase heard`)}`,
        );
        break;
      case 'dtmf':
        this.say(`${time}  ${pc.green('caller')}  pressed ${printable(event.digit)}`);
        break;
      case 'backend.error':
      case 'link.down':
        this.say(`${time}  ${pc.red(printable(event.error.message))}`);
        break;
      case 'call.ended':
        this.say(`${time}  ${pc.dim(`call ended: ${event.reason}`)}`);
        break;
      default:
        break;
    }
  }

  /** Draws the status line over itself; `atMs` is the time since the call's start. */
  tick(atMs: number, levels: LiveLevels): void {
    if (this.#screen.isTTY !== true) return;
    const line =
      `${(atMs / 1000).toFixed(1).padStart(5)} s  ${this.#state.padEnd(9)} ${this.#turn.padEnd(15)} ` +
      `caller ${pc.green(meter(levels.callerDbov))}  agent ${pc.blue(meter(levels.agentDbov))}`;
    this.#screen.write(`\r\u001b[2K${line}`);
    this.#drawn = true;
  }

  /** Leaves the terminal clean. */
  close(): void {
    this.#wipe();
  }

  #wipe(): void {
    if (!this.#drawn) return;
    this.#screen.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** A bar of {@link METER_WIDTH} cells, full at 0 dBov. */
function meter(levelDbov: number): string {
  const share = Math.min(1, Math.max(0, 1 - levelDbov / METER_FLOOR_DBOV));
  const cells = Math.round(share * METER_WIDTH);
  return `${'▮'.repeat(cells)}${'▯'.repeat(METER_WIDTH - cells)}`;
}

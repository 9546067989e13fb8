/** Dialogues recorded between clients and a FreeSWITCH 1.11.2, and a client that plays the clients' part again. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { until } from './hand-clock.ts';
import type { HandClock } from './hand-clock.ts';

export interface Step {
  readonly from: 'client' | 'server';
  readonly text: string;
  readonly fin?: boolean;
  /** The recording was cut here. */
  readonly truncated?: boolean;
}

export interface Dialogue {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** `esl-raw`, `fs-cli-x`, `fs-cli-interactive` or `fs-cli-batch`. */
export function dialogues(file: string): readonly Dialogue[] {
  const url = new URL(`../../fixtures/freeswitch-transcripts/${file}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Dialogue[];
}

/** A plain socket that remembers what it was told. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  ended = false;
  closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => (this.received += text));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => (this.closed = true));
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Sends and resolves with what comes until `pattern` matches it. */
  async ask(text: string, pattern: RegExp): Promise<string> {
    const from = this.received.length;
    this.send(text);
    await until(() => pattern.test(this.received.slice(from)), `${String(pattern)} after ${JSON.stringify(text)}`);
    return this.received.slice(from);
  }

  async login(password = 'ClueCon'): Promise<void> {
    await until(() => this.received.includes('auth/request'), 'auth/request');
    await this.ask(`auth ${password}\n\n`, /Reply-Text: \+OK accepted\n\n$/);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Takes out what no two runs have in common: identities, times, counters, and lengths that depend on them. */
export function normalise(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/Event-Date-(Local|GMT)(: |":"|>)[^\n"<]*/g, 'Event-Date-$1$2<date>')
    .replaceAll(/Event-Date-Timestamp(: |":"|>)\d+/g, 'Event-Date-Timestamp$1<time>')
    .replaceAll(/Event-Sequence(: |":"|>)\d+/g, 'Event-Sequence$1<n>')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \d+\.\d\d%/g, '<stamp>')
    .replaceAll(/^(UP |\d+ session|min idle|Current Stack).*$/gm, (line) => line.replaceAll(/\d+(\.\d+)?K?/g, '<n>'))
    .replaceAll(/^Content-Length: \d{3,}$/gm, 'Content-Length: <n>');
}

/** Plays the client's part and returns what the server said, step by step, beside what was recorded; both normalised. */
export async function replay(
  dialogue: Dialogue,
  port: number,
  clock: HandClock,
): Promise<{ recorded: string; heard: string }[]> {
  const client = new RawClient(port);
  const pairs: { recorded: string; heard: string }[] = [];
  let from = 0;
  for (const step of dialogue.steps) {
    if (step.from === 'client') {
      if (step.fin) client.socket.end();
      else client.send(step.text);
      continue;
    }
    if (step.fin) {
      await until(() => client.ended, `${dialogue.name}: FIN`);
      continue;
    }
    const recorded = normalise(step.text);
    const said = (): string => normalise(client.received.slice(from));
    const enough = (): boolean =>
      step.truncated ? said().length > recorded.length + 10 : said().length >= recorded.length;
    await until(() => {
      // A command that takes its time (msleep) is the only short timer in these dialogues.
      if (clock.hasTimerWithin(1500)) clock.advance(1500);
      return enough() || client.ended;
    }, `${dialogue.name}: ${recorded}\n--- heard ---\n${said()}`);
    const heard = said();
    if (step.truncated) {
      // The rest of a JSON event was not recorded: its start and its frame have to do.
      pairs.push({ recorded, heard: heard.slice(0, recorded.length) });
    } else pairs.push({ recorded, heard });
    from = client.received.length;
  }
  client.close();
  await until(() => client.closed, 'close');
  return pairs;
}

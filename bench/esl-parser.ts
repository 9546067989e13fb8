/**
 * Megabytes of events a second: our Event Socket parser against the parsers of `esl` and of `modesl`, on the same bytes.
 *
 * The stream is made of JSON events as long as a channel's are on FreeSWITCH 1.11 (142 headers, 6 kB), in chunks as a socket
 * hands them over. Each parser is asked of each event what a link asks of all of them, name and channel (`esl` and `modesl`
 * decode everything for that); ours is measured decoding every header as well. `modesl` is measured where it is installed.
 */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { FreeSwitchResponse } from 'esl';
import { EslFrameParser } from '../src/switch/freeswitch/esl-frame-parser.ts';
import { readWireEvent } from '../src/switch/freeswitch/esl-wire-event.ts';

const CHUNK_BYTES = 65_536;
const EVENT_NAME = 'CHANNEL_EXECUTE';

/** Gives every event's channel to `onEvent`. */
type Parse = (chunks: readonly Buffer[], onEvent: (uuid: string) => void) => void;

const ours: Parse = (chunks, onEvent) => {
  const parser = new EslFrameParser((_head, frame, bodyAt) => {
    const event = readWireEvent(frame.subarray(bodyAt));
    if (event.name === EVENT_NAME) onEvent(event.uuid);
  });
  for (const chunk of chunks) parser.push(chunk);
};

const oursDecoded: Parse = (chunks, onEvent) => {
  const parser = new EslFrameParser((_head, frame, bodyAt) => {
    const { headers } = readWireEvent(frame.subarray(bodyAt));
    if (headers['Event-Name'] === EVENT_NAME) onEvent(headers['Unique-ID'] ?? '');
  });
  for (const chunk of chunks) parser.push(chunk);
};

/** As much of a socket as a parser listens to. */
class Wire extends EventEmitter {
  setKeepAlive(): void {}
  setNoDelay(): void {}
}

const silence = (): void => undefined;

const esl: Parse = (chunks, onEvent) => {
  const wire = new Wire();
  const response = new FreeSwitchResponse(wire as unknown as Socket, { debug: silence, info: silence, error: silence });
  response.on(EVENT_NAME, (event) => onEvent((event.body as unknown as Record<string, string>)['Unique-ID'] ?? ''));
  for (const chunk of chunks) wire.emit('data', chunk);
};

/** What of `modesl` is used. */
interface ModeslParser {
  on(name: 'esl::event', listener: (event: { type: string; getHeader(name: string): string }) => void): void;
}

function modesl(): Parse | null {
  let Parser: new (wire: Wire) => ModeslParser;
  try {
    Parser = createRequire(import.meta.url)('modesl/lib/esl/Parser.js') as typeof Parser;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return null;
  }
  return (chunks, onEvent) => {
    const wire = new Wire();
    new Parser(wire).on('esl::event', (event) => {
      if (event.type === EVENT_NAME) onEvent(event.getHeader('Unique-ID'));
    });
    for (const chunk of chunks) wire.emit('data', chunk);
  };
}

/** `count` events, one after another, in chunks. */
function stream(count: number): readonly Buffer[] {
  const frames = Array.from({ length: count }, (_, n) => {
    const body = JSON.stringify(channelEvent(n));
    return `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json\n\n${body}`;
  });
  const bytes = Buffer.from(frames.join(''));
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(bytes.subarray(at, at + CHUNK_BYTES));
  return chunks;
}

function channelEvent(n: number): Record<string, string> {
  const uuid = `b1f0${String(n % 50).padStart(4, '0')}-6c1c-4b87-9f1e-6a1f7c9f2e11`;
  const event: Record<string, string> = {
    'Event-Name': EVENT_NAME,
    'Core-UUID': '67dbadb4-1b63-4065-9ed1-7efd8383c231',
    'Event-Date-GMT': 'Sat, 21 Nov 2026 03:40:07 GMT',
    'Event-Date-Timestamp': String(1_795_232_407_020_895 + n * 20_000),
    'Event-Sequence': String(1_884 + n),
    'Unique-ID': uuid,
    variable_switch_r_sdp: `v=0\r\no=FreeSWITCH 1795217087 1795217088 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\n`,
  };
  for (let i = Object.keys(event).length; i < 142; i += 1) event[`variable_rtp_audio_in_${i}`] = `${i}-${n}-`.repeat(2);
  return event;
}

/** The best of some runs: the others were disturbed. */
function megabytesPerSecond(parse: Parse, chunks: readonly Buffer[], runs: number): { rate: number; hash: string } {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  let [bestMs, hash] = [Infinity, ''];
  for (let n = 0; n < runs; n += 1) {
    const uuids = createHash('sha256');
    const seen: string[] = [];
    const startMs = performance.now();
    parse(chunks, (uuid) => seen.push(uuid));
    bestMs = Math.min(bestMs, performance.now() - startMs);
    hash = uuids.update(seen.join('\n')).digest('hex').slice(0, 16);
  }
  return { rate: bytes / 1000 / bestMs, hash };
}

/** Prints the rates, the ratios and a hash over the channels of all events, which all have to agree on. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const chunks = stream(small ? 200 : 8_000);
  const runs = small ? 2 : 9;
  const rates = new Map<string, number>();
  const hashes = new Set<string>();
  const theirs: [string, Parse | null][] = [
    ['esl', esl],
    ['modesl', modesl()],
  ];
  for (const [name, parse] of [['ours', ours], ['ours, every header decoded', oursDecoded], ...theirs] as const) {
    if (parse === null) {
      process.stdout.write(`${name}: not installed, not measured\n`);
      continue;
    }
    const { rate, hash } = megabytesPerSecond(parse, chunks, runs);
    rates.set(name, rate);
    hashes.add(hash);
    process.stdout.write(`${name}: ${rate.toFixed(0)} MB/s\n`);
  }
  if (hashes.size !== 1) throw new Error('the parsers read different events');
  const fastest = Math.max(...theirs.map(([name]) => rates.get(name) ?? 0));
  const ratio = (name: string): string => ((rates.get(name) ?? 0) / fastest).toFixed(1);
  process.stdout.write(
    `against the faster of the others: ${ratio('ours')} times, every header decoded ${ratio('ours, every header decoded')} times\n` +
      `hash ${[...hashes][0]}\n`,
  );
}

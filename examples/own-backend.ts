/**
 * A backend of your own: this one says back what it hears. A real one would hand `frame` to its own service and call
 * `sink.onAudio` with what comes back. Start it with the UUID of a parked call: see README.md beside this file.
 */
import { loadConfig, startRuntime } from 'talkspurt';
import type { Backend, BackendSink, BackendStream } from 'talkspurt';

const ITEM = 'echo';

class EchoBackend implements Backend {
  readonly name = 'echo';

  open(call: { leg: BackendStream['inputFormat'] }, sink: BackendSink, signal: AbortSignal): Promise<BackendStream> {
    signal.throwIfAborted();
    const { codec, sampleRateHz } = call.leg;
    const format = { codec, sampleRateHz };
    let closed = false;
    let speaking = false;
    return Promise.resolve({
      inputFormat: format,
      outputFormat: format,
      // It answers while the caller speaks: nobody has to tell it that a turn is over.
      detectsTurns: true,
      droppedFrames: 0,
      sendAudio(frame) {
        if (closed) return false;
        if (!speaking) sink.onResponseStarted(ITEM);
        speaking = true;
        // Both are borrowed: `frame` from us for this call, and for as long by the sink.
        sink.onAudio(frame, ITEM);
        return true;
      },
      commitTurn: () => undefined,
      cancelResponse: () => undefined,
      requestResponse: () => undefined,
      sendText: () => undefined,
      sendToolResult: () => undefined,
      close: () => {
        closed = true;
        return Promise.resolve();
      },
    });
  }
}

const text = `
switches: [{ name: local, kind: freeswitch, host: 127.0.0.1, port: 8021 }]
backends: { voice: { kind: embedded } }
profiles: { echo: { backend: voice, bargeIn: false } }`;
const runtime = await startRuntime(loadConfig({ text, env: process.env }), {
  quiet: true,
  // Takes the place of the configured backend of that name.
  backends: { voice: new EchoBackend() },
});
try {
  const call = await runtime.gateway.startCall(process.argv[2] ?? '', 'echo');
  const { reason } = await call.ended;
  console.log(`ended: ${reason}; ${call.snapshot().sentFrames} frames said back`);
} finally {
  await runtime.close();
}

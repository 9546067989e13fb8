/**
 * A Realtime server in a process of its own that talks: when a second of the caller's silence follows speech it answers with three
 * seconds of a tone, four times as fast as they are heard; when the caller speaks meanwhile it says so and gives up. Speech is
 * what is louder than a telephone's silence: that is enough for callers that are made. Sends its port over IPC.
 */
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** µ-law at 8 kHz, 100 ms of a square wave of 400 Hz. */
const TONE = Buffer.from(Uint8Array.from({ length: 800 }, (_, n) => (n % 20 < 10 ? 0xb0 : 0x30))).toString('base64');
const DELTAS = 30;
const DELTA_MS = 25;
const SILENCE_BYTES = 8_000;
const LOUD = 0x60;
const MARK = '"audio":"';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1 << 20 });

server.on('connection', (socket: WebSocket) => {
  socket.on('error', () => socket.terminate());
  let number = 0;
  let quietBytes = 0;
  let heard = false;
  let timer: NodeJS.Timeout | null = null;
  let [item, id] = ['', ''];
  const say = (event: object): void => socket.send(JSON.stringify({ event_id: 'e', ...event }));
  const finish = (status: 'completed' | 'cancelled'): void => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    if (status === 'completed') {
      const part = { response_id: id, item_id: item, output_index: 0, content_index: 0 };
      say({ type: 'response.output_audio.done', ...part });
      say({ type: 'response.output_audio_transcript.done', ...part, transcript: 'A tone.' });
    }
    say({ type: 'response.done', response: { id, object: 'realtime.response', status, output: [] } });
  };
  const answer = (): void => {
    number += 1;
    [item, id] = [`item_${number}`, `resp_${number}`];
    const message = { id: item, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    say({ type: 'response.created', response: { id, object: 'realtime.response', status: 'in_progress', output: [] } });
    say({ type: 'response.output_item.added', response_id: id, output_index: 0, item: message });
    let sent = 0;
    timer = setInterval(() => {
      say({
        type: 'response.output_audio.delta',
        response_id: id,
        item_id: item,
        output_index: 0,
        content_index: 0,
        delta: TONE,
      });
      sent += 1;
      if (sent === DELTAS) finish('completed');
    }, DELTA_MS);
  };
  const hear = (audio: Buffer): void => {
    // µ-law: the lower seven bits count down with loudness.
    if (audio.some((byte) => (~byte & 0x7f) > LOUD)) {
      quietBytes = 0;
      if (heard) return;
      heard = true;
      say({ type: 'input_audio_buffer.speech_started', audio_start_ms: 0, item_id: `caller_${number}` });
      finish('cancelled');
      return;
    }
    quietBytes += audio.length;
    if (!heard || quietBytes < SILENCE_BYTES) return;
    heard = false;
    say({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: 0, item_id: `caller_${number}` });
    say({ type: 'input_audio_buffer.committed', item_id: `caller_${number}` });
    if (timer === null) answer();
  };
  say({ type: 'session.created', session: { type: 'realtime', id: 'sess_bench', model: 'bench' } });
  socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1');
    if (text.includes('"input_audio_buffer.append"')) {
      const from = text.indexOf(MARK) + MARK.length;
      hear(Buffer.from(text.slice(from, text.indexOf('"', from)), 'base64'));
    } else if (text.includes('"session.update"')) {
      const { session } = JSON.parse(text) as { session: object };
      say({ type: 'session.updated', session: { id: 'sess_bench', ...session } });
    } else if (text.includes('"response.cancel"')) finish('cancelled');
  });
  socket.on('close', () => timer === null || clearInterval(timer));
});
server.on('listening', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('message', (message: { ask?: 'report' | 'stop' }) => {
  if (message.ask === 'stop') process.exit(0);
});
process.on('disconnect', () => process.exit(0));

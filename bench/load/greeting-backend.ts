/**
 * A Realtime server in a process of its own that has no voice to make: asked for a response it says half a second of a tone
 * that it has ready, at once. Sends its port over IPC.
 */
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** µ-law at 8 kHz: 500 ms of a square wave of 400 Hz. */
const TONE = Buffer.from(Uint8Array.from({ length: 4_000 }, (_, n) => (n % 20 < 10 ? 0x90 : 0x10))).toString('base64');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1 << 20 });

server.on('connection', (socket: WebSocket) => {
  socket.on('error', () => socket.terminate());
  let number = 0;
  const say = (event: object): void => socket.send(JSON.stringify({ event_id: 'e', ...event }));
  const greet = (): void => {
    number += 1;
    const [item, id] = [`item_${number}`, `resp_${number}`];
    const at = { response_id: id, output_index: 0 };
    const part = { ...at, item_id: item, content_index: 0 };
    const message = { id: item, type: 'message', role: 'assistant' };
    say({
      type: 'response.created',
      response: { id, object: 'realtime.response', status: 'in_progress', output: [] },
    });
    say({ type: 'response.output_item.added', ...at, item: { ...message, status: 'in_progress', content: [] } });
    say({ type: 'response.output_audio.delta', ...part, delta: TONE });
    say({ type: 'response.output_audio.done', ...part });
    say({ type: 'response.done', response: { id, object: 'realtime.response', status: 'completed', output: [] } });
  };
  say({ type: 'session.created', session: { type: 'realtime', id: 'sess_bench', model: 'bench' } });
  socket.on('message', (data: Buffer) => {
    const event = JSON.parse(data.toString()) as { type: string; session?: object };
    if (event.type === 'session.update') {
      say({ type: 'session.updated', session: { id: 'sess_bench', ...event.session } });
    } else if (event.type === 'response.create') greet();
  });
});
server.on('listening', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('message', (message: { ask?: 'report' | 'stop' }) => {
  if (message.ask === 'stop') process.exit(0);
});
process.on('disconnect', () => process.exit(0));

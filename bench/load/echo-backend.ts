/**
 * The cheapest peer that is still a Realtime server, in a process of its own: sets a session up, then says what was appended
 * back as an audio delta of the same length. Before the first come `leadMs` of silence (`bytesPerMs` of zeros or, at 8, of µ-law), told
 * as arguments: a model is ahead of what is heard of it. Sends its port over IPC.
 */
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

const { leadMs = 0, bytesPerMs = 8 } = JSON.parse(process.argv[2] ?? '{}') as { leadMs?: number; bytesPerMs?: number };
const PTIME_MS = 20;
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1 << 20 });
const MARK = '"audio":"';
const SILENCE = Buffer.alloc(bytesPerMs * PTIME_MS, bytesPerMs === 8 ? 0xff : 0).toString('base64');
const APPEND = Buffer.from('{"type":"input_audio_buffer.append"');
const TEXT = { binary: false };
let cpuBase = process.cpuUsage();
let echoed = 0;

server.on('connection', (socket: WebSocket) => {
  socket.on('error', () => socket.terminate());
  let speaking = false;
  const item = `item_${Math.random().toString(36).slice(2)}`;
  const response = `resp_${item}`;
  const head = Buffer.from(
    `{"type":"response.output_audio.delta","event_id":"e","response_id":"${response}","item_id":"${item}","output_index":0,"content_index":0,"delta":"`,
  );
  /** Of each length that came so far: the message, but for its audio. */
  const answers = new Map<number, Buffer>();
  const say = (event: object): void => socket.send(JSON.stringify({ event_id: 'e', ...event }));
  say({ type: 'session.created', session: { type: 'realtime', id: 'sess_bench', model: 'bench' } });
  const begin = (): void => {
    say({
      type: 'response.created',
      response: { id: response, object: 'realtime.response', status: 'in_progress', output: [] },
    });
    say({
      type: 'response.output_item.added',
      response_id: response,
      output_index: 0,
      item: { id: item, type: 'message', role: 'assistant', status: 'in_progress', content: [] },
    });
    for (let ms = 0; ms < leadMs; ms += PTIME_MS) socket.send(`${head.toString()}${SILENCE}"}`);
  };
  const echo = (data: Buffer): void => {
    const from = data.indexOf(MARK) + MARK.length;
    const length = data.length - from;
    let answer = answers.get(length);
    // What waits in the socket is not written over.
    if (answer === undefined || socket.bufferedAmount > 0) {
      answer = Buffer.concat([head, Buffer.alloc(length)]);
      answers.set(length, answer);
    }
    // The closing quote and brace come with it.
    data.copy(answer, head.length, from);
    socket.send(answer, TEXT);
    echoed += 1;
  };
  socket.on('message', (data: Buffer) => {
    if (data.compare(APPEND, 0, APPEND.length, 0, APPEND.length) === 0) {
      if (!speaking) begin();
      speaking = true;
      echo(data);
    } else {
      const event = JSON.parse(data.toString()) as { type: string; session: object };
      if (event.type === 'session.update') {
        say({ type: 'session.updated', session: { id: 'sess_bench', ...event.session } });
      }
    }
  });
});
server.on('listening', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('message', (message: { ask?: 'report' | 'stop' }) => {
  if (message.ask === 'stop') process.exit(0);
  if (message.ask !== 'report') return;
  const cpu = process.cpuUsage(cpuBase);
  cpuBase = process.cpuUsage();
  process.send?.({ report: { echoed, cpuMs: (cpu.user + cpu.system) / 1000 } });
  echoed = 0;
});
process.on('disconnect', () => process.exit(0));

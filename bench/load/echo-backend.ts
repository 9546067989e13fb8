/**
 * The cheapest peer that is still a Realtime server, in a process of its own: sets a session up, then says every
 * appended frame back as an audio delta of the same length. Sends its port over IPC.
 */
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1 << 20 });
const MARK = '"audio":"';
let cpuBase = process.cpuUsage();
let echoed = 0;

server.on('connection', (socket: WebSocket) => {
  socket.on('error', () => socket.terminate());
  let speaking = false;
  const item = `item_${Math.random().toString(36).slice(2)}`;
  const response = `resp_${item}`;
  const head = `{"type":"response.output_audio.delta","event_id":"e","response_id":"${response}","item_id":"${item}","output_index":0,"content_index":0,"delta":"`;
  const say = (event: object): void => socket.send(JSON.stringify({ event_id: 'e', ...event }));
  say({ type: 'session.created', session: { type: 'realtime', id: 'sess_bench', model: 'bench' } });
  socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1');
    if (text.includes('"input_audio_buffer.append"')) {
      if (!speaking) {
        speaking = true;
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
      }
      const from = text.indexOf(MARK) + MARK.length;
      socket.send(`${head}${text.slice(from, text.indexOf('"', from))}"}`);
      echoed += 1;
    } else if (text.includes('"session.update"')) {
      const { session } = JSON.parse(text) as { session: object };
      say({ type: 'session.updated', session: { id: 'sess_bench', ...session } });
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

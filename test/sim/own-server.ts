/** A WebSocket server as operators have one: no part of it is ours. */
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** A server of somebody's own: keeps what it gets. */
export async function withServer(
  run: (server: { url: string; audio: Buffer[]; texts: string[]; sockets: WebSocket[] }) => Promise<void>,
): Promise<void> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const [audio, texts, sockets]: [Buffer[], string[], WebSocket[]] = [[], [], []];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('message', (data, isBinary) => {
      if (isBinary) audio.push(data as Buffer);
      else texts.push((data as Buffer).toString());
    });
  });
  await new Promise((resolve) => server.on('listening', resolve));
  const { port } = server.address() as { port: number };
  try {
    await run({ url: `ws://127.0.0.1:${port}/stream?call=1`, audio, texts, sockets });
  } finally {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
}

/**
 * A client of the HTTP API: starts a call's voice, has it say something, watches until the call ends. No package needed.
 *
 *   TALKSPURT_TOKEN=<control token> node --import tsx examples/http-api/watch.ts <uuid> <profile> [http://127.0.0.1:9464]
 */
const [uuid = '', profile = '', base = 'http://127.0.0.1:9464'] = process.argv.slice(2);
const headers = { authorization: `Bearer ${process.env['TALKSPURT_TOKEN'] ?? ''}` };

/** What the API answers; with a body it is a command. */
async function ask(path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${base}/api/${path}`, {
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer['error'])}`);
  return answer;
}

/** Events of a stream, one by one: `event:` and `data:` lines, with an empty line behind each. */
async function* events(path: string): AsyncGenerator<Record<string, unknown>> {
  const response = await fetch(`${base}/api/${path}`, { headers });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  let rest = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) yield JSON.parse(data.slice('data: '.length)) as Record<string, unknown>;
    }
  }
}

const call = `calls/${encodeURIComponent(uuid)}`;
await ask(`${call}/start`, { target: profile });
const { call: health } = (await ask(call)) as { call: { health: string; media: { transport: string } } };
console.log(`talking: ${health.media.transport}, ${health.health}`);
await ask(`${call}/say`, { text: 'Hello from the API.' });
for await (const event of events(`${call}/events`)) {
  if (event['type'] === 'turn.state') console.log(`turn: ${String(event['state'])}`);
  if (event['type'] === 'call.ended') console.log(`ended: ${String(event['reason'])}`);
}

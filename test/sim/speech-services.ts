/**
 * The two vendors' speech endpoints, as their documents describe them: what is asked is checked the way they check it, and
 * answered with raw audio in pieces, or with an error in their own form.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request asked for. */
export interface SpokenRequest {
  readonly service: 'openai' | 'elevenlabs';
  readonly text: string;
  readonly voice: string;
  readonly model: string;
  readonly format: string;
  readonly key: string;
  readonly body: Record<string, unknown>;
}

/** What is done with the next requests; default: speak. */
export type ServiceBehaviour =
  | { readonly kind: 'speak'; readonly bytes?: number; readonly pieces?: number; readonly type?: string }
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Record<string, string>;
    }
  /** Audio, then the connection is cut. */
  | { readonly kind: 'break'; readonly bytes: number }
  /** Nothing; the request stays open. */
  | { readonly kind: 'hang' }
  /** A refusal whose body has no end. */
  | { readonly kind: 'endless'; readonly status: number }
  /** To another path of the same service, with the method and the body. */
  | { readonly kind: 'redirect' }
  /** Exactly this. */
  | { readonly kind: 'bytes'; readonly audio: Uint8Array; readonly type: string };

const OPENAI_VOICES = new Set('alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar'.split(' '));
const OPENAI_FORMATS = new Set(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']);
const ELEVENLABS_FORMATS =
  /^(mp3_(22050_32|24000_48|44100_(32|64|96|128|192))|pcm_(8000|16000|22050|24000|32000|44100|48000)|(ulaw|alaw)_8000|opus_48000_(32|64|96|128|192))$/;

/** Both on one port: `url` is OpenAI's base, `elevenLabsUrl` the other's. */
export class SpeechServices {
  readonly requests: SpokenRequest[] = [];
  /** Where requests went, whatever became of them. */
  readonly paths: string[] = [];
  /** Requests whose connection ended before their answer did. */
  aborted = 0;
  behaviour: ServiceBehaviour = { kind: 'speak' };
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #waiters: (() => void)[] = [];

  static async listen(): Promise<SpeechServices> {
    const services = new SpeechServices();
    await new Promise<void>((resolve) => services.#server.listen(0, '127.0.0.1', resolve));
    return services;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.origin}/openai/v1`;
  }

  get elevenLabsUrl(): string {
    return `${this.origin}/elevenlabs/v1`;
  }

  /** Resolves when `done` holds; looked at after each request and each end of one. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('close', () => {
      if (!response.writableFinished) this.aborted += 1;
      this.#wake();
    });
    const body: Buffer[] = [];
    for await (const piece of request) body.push(piece as Buffer);
    const url = new URL(request.url ?? '/', this.origin);
    this.paths.push(url.pathname);
    let json: Record<string, unknown>;
    try {
      json = JSON.parse(Buffer.concat(body).toString()) as Record<string, unknown>;
    } catch {
      respond(response, 400, {
        error: { message: 'not JSON', type: 'invalid_request_error', param: null, code: null },
      });
      return;
    }
    if (request.method === 'POST' && url.pathname === '/openai/v1/audio/speech') this.#openai(request, json, response);
    else {
      const voice = /^\/elevenlabs\/v1\/text-to-speech\/([^/]+)\/stream$/.exec(url.pathname)?.[1];
      if (request.method === 'POST' && voice !== undefined) {
        this.#elevenLabs(request, json, response, decodeURIComponent(voice), url.searchParams);
      } else respond(response, 404, { detail: 'Not Found' });
    }
    this.#wake();
  }

  #openai(request: IncomingMessage, json: Record<string, unknown>, response: ServerResponse): void {
    const { model, input, voice, response_format: format = 'mp3', speed = 1 } = json;
    const wrong = (param: string, message: string): void =>
      respond(response, 400, { error: { message, type: 'invalid_request_error', param, code: null } });
    const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (key === '' || key.includes('wrong')) {
      const message = `Incorrect API key provided: ${key}.`;
      respond(response, 401, {
        error: { message, type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
      });
    } else if (typeof model !== 'string') wrong('model', 'you must provide a model parameter');
    else if (typeof input !== 'string' || input === '' || input.length > 4_096) wrong('input', 'invalid input');
    else if (typeof voice !== 'string' || !OPENAI_VOICES.has(voice)) wrong('voice', 'invalid voice');
    else if (typeof format !== 'string' || !OPENAI_FORMATS.has(format)) wrong('response_format', 'invalid format');
    else if (typeof speed !== 'number' || speed < 0.25 || speed > 4) wrong('speed', 'invalid speed');
    else {
      this.requests.push({ service: 'openai', text: input, voice, model, format, key, body: json });
      this.#speak(response, 'audio/pcm');
    }
  }

  #elevenLabs(
    request: IncomingMessage,
    json: Record<string, unknown>,
    response: ServerResponse,
    voice: string,
    query: URLSearchParams,
  ): void {
    const { text, model_id: model = 'eleven_multilingual_v2' } = json;
    const key = String(request.headers['xi-api-key'] ?? '');
    const format = query.get('output_format') ?? 'mp3_44100_128';
    if (key === '' || key.includes('wrong')) {
      respond(response, 401, { detail: { status: 'invalid_api_key', message: `Invalid API key ${key}` } });
    } else if (typeof text !== 'string') {
      respond(response, 422, { detail: [{ loc: ['body', 'text'], msg: 'Field required', type: 'missing' }] });
    } else if (voice === 'nobody') {
      respond(response, 404, { detail: { status: 'voice_not_found', message: 'A voice with that id was not found.' } });
    } else if (!ELEVENLABS_FORMATS.test(format)) {
      respond(response, 422, { detail: [{ loc: ['query', 'output_format'], msg: 'invalid', type: 'enum' }] });
    } else {
      this.requests.push({ service: 'elevenlabs', text, voice, model: String(model), format, key, body: json });
      this.#speak(response, 'audio/basic');
    }
  }

  #speak(response: ServerResponse, type: string): void {
    const { behaviour } = this;
    if (behaviour.kind === 'hang') return;
    if (behaviour.kind === 'refuse') {
      respond(response, behaviour.status, behaviour.body, behaviour.headers);
      return;
    }
    if (behaviour.kind === 'endless' || behaviour.kind === 'redirect' || behaviour.kind === 'bytes') {
      misbehave(response, behaviour);
      return;
    }
    const own = behaviour.kind === 'speak' ? behaviour.type : undefined;
    response.writeHead(200, { 'Content-Type': own ?? type });
    const bytes = behaviour.bytes ?? 4_800;
    const audio = Buffer.alloc(bytes, 7);
    if (behaviour.kind === 'break') {
      response.write(audio, () => response.destroy());
      return;
    }
    // Pieces of an odd length: half a sample at the end of one is what networks do.
    const step = Math.ceil(bytes / (behaviour.pieces ?? 3)) | 1;
    for (let at = 0; at < bytes; at += step) response.write(audio.subarray(at, at + step));
    response.end();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

function respond(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

type Misbehaviour = Extract<ServiceBehaviour, { readonly kind: 'endless' | 'redirect' | 'bytes' }>;

function misbehave(response: ServerResponse, behaviour: Misbehaviour): void {
  if (behaviour.kind === 'redirect') {
    response.writeHead(307, { Location: '/elsewhere' }).end();
  } else if (behaviour.kind === 'bytes') {
    response.writeHead(200, { 'Content-Type': behaviour.type }).end(behaviour.audio);
  } else {
    response.writeHead(behaviour.status, { 'Content-Type': 'application/json' });
    const piece = Buffer.alloc(64 * 1024, 'a');
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  }
}

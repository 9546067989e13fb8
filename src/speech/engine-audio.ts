/** The body of an engine's answer, if it can be raw audio: anything else would be noise at full level in the caller's ear. */
import { TalkspurtError } from '../core/errors.ts';
import { peerText } from '../backend/peer-text.ts';
import { LIMITS } from '../limits.ts';

/** What says of itself that it is none: a proxy's page, an error with a good status, audio in a container or compressed. */
const NO_RAW_AUDIO =
  /^(text|image|video|multipart)\/|^application\/(json|xml|ogg|mp4|[^;]*\+(json|xml))\b|^audio\/(mpeg|mp3|mp4|ogg|opus|aac|flac|webm|wav|wave|x-wav|x-m4a|x-flac|x-aiff|aiff|vnd\.wave)\b/i;
/** What says nothing of itself, but begins as no sound does: WAV, Ogg, FLAC, MP3 with tags, a page, JSON. */
const NO_RAW_BYTES = /^(RIFF|OggS|fLaC|ID3[\x02-\x04]|<!DO|<!do|<htm|<\?xm|\{"[a-z]{2})/;
const MAGIC_BYTES = 4;

/**
 * Its pieces as they come; nothing where there is no body.
 * @throws ERR_TALKSPURT_TTS_FAILED for what is no raw audio; nothing of it is given then
 */
export async function* engineAudio(engine: string, response: Response): AsyncGenerator<Uint8Array, void> {
  const type = response.headers.get('content-type') ?? '';
  if (NO_RAW_AUDIO.test(type)) {
    await response.body?.cancel();
    throw noRawAudio(engine, response, type);
  }
  if (response.body === null) return;
  let begun: Uint8Array = new Uint8Array(0);
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    if (begun.length >= MAGIC_BYTES) {
      yield piece;
      continue;
    }
    begun = begun.length === 0 ? piece : Buffer.concat([begun, piece]);
    if (begun.length < MAGIC_BYTES) continue;
    if (NO_RAW_BYTES.test(Buffer.from(begun.subarray(0, MAGIC_BYTES)).toString('latin1'))) {
      throw noRawAudio(engine, response, type);
    }
    yield begun;
  }
  if (begun.length < MAGIC_BYTES) yield begun;
}

/** `response`, if it is a refusal, with as much of its body as is read of one. */
export async function boundedRefusal(response: Response): Promise<Response> {
  if (response.ok || response.body === null) return response;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    const rest = LIMITS.backendRefusalBytes - bytes;
    pieces.push(piece.subarray(0, rest));
    bytes += piece.length;
    if (bytes >= LIMITS.backendRefusalBytes) break;
  }
  const { status, headers } = response;
  return new Response(Buffer.concat(pieces), { status, headers });
}

function noRawAudio(engine: string, { status }: Response, type: string): TalkspurtError {
  return new TalkspurtError(
    'ERR_TALKSPURT_TTS_FAILED',
    `speech engine '${engine}' answered with something else than raw audio: see contentType`,
    { details: { status, contentType: peerText(type) } },
  );
}

/** The body of an engine's answer, if it can be raw audio: anything else would be noise at full level in the caller's ear. */
import { TalkspurtError } from '../core/errors.ts';
import { peerText } from '../backend/peer-text.ts';

/** What says of itself that it is none: a proxy's page, an error with a good status, audio in a container or compressed. */
const NO_RAW_AUDIO =
  /^(text\/|application\/(json|xml|.*\+json)|audio\/(mpeg|mp3|mp4|ogg|opus|aac|flac|webm|wav|wave|x-wav|vnd\.wave)\b)/i;

/**
 * Its pieces as they come; nothing where there is no body.
 * @throws ERR_TALKSPURT_TTS_FAILED for what is no raw audio; nothing of it is read then
 */
export async function* engineAudio(engine: string, response: Response): AsyncGenerator<Uint8Array, void> {
  const type = response.headers.get('content-type') ?? '';
  if (NO_RAW_AUDIO.test(type)) {
    await response.body?.cancel();
    throw new TalkspurtError(
      'ERR_TALKSPURT_TTS_FAILED',
      `speech engine '${engine}' answered with something else than raw audio: see contentType`,
      { details: { status: response.status, contentType: peerText(type) } },
    );
  }
  if (response.body === null) return;
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) yield piece;
}

/**
 * How the embedded Gemini Live server sends a client away: by the code and the reason of a closing frame, for the interface has
 * no message for errors. The reasons are the service's own, as its clients report them.
 */

/** RFC 6455 §7.4.1: what came is not what it should be; against the rules, or not there; a fault of the server's own. */
const CLOSE = { invalid: 1007, policy: 1008, internal: 1011 } as const;

/** A message, or a whole session, that cannot be granted: the connection closes. */
export class GeminiRefusal extends Error {
  override readonly name = 'GeminiRefusal';
  /** Of the closing frame. */
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }

  /** What was sent breaks the rules of its shape. */
  static invalid(reason = 'Request contains an invalid argument.'): GeminiRefusal {
    return new GeminiRefusal(CLOSE.invalid, reason);
  }

  /** Setup came twice, or something before it. */
  static setupFirst(): GeminiRefusal {
    return GeminiRefusal.invalid('setup must be the first message and only the first');
  }

  static badKey(): GeminiRefusal {
    return GeminiRefusal.invalid('API key not valid. Please pass a valid API key.');
  }

  static noKey(): GeminiRefusal {
    const why = "Method doesn't allow unregistered callers (callers without established identity).";
    return new GeminiRefusal(CLOSE.policy, `${why} Please use API Key or other form of API consumer identity.`);
  }

  static unknownModel(model: string, version: string): GeminiRefusal {
    const why = `${model} is not found for API version ${version}, or is not supported for bidiGenerateContent.`;
    return new GeminiRefusal(CLOSE.policy, `${why} Call ListModels to see the list of available models.`);
  }

  /** A handle that was never given out, or too long ago. */
  static unknownSession(): GeminiRefusal {
    return new GeminiRefusal(CLOSE.policy, 'BidiGenerateContent session not found');
  }

  /** The connection has lived for as long as one may, and the client has not left. */
  static aborted(): GeminiRefusal {
    return new GeminiRefusal(CLOSE.policy, 'The operation was aborted.');
  }

  /** RESOURCE_EXHAUSTED: what was paid for is used up, or too many sessions are open. */
  static quota(): GeminiRefusal {
    const reason = 'You exceeded your current quota, please check your plan and billing details.';
    return new GeminiRefusal(CLOSE.internal, `${reason} For more information on this error, see the rate limits.`);
  }

  static internal(reason = 'Internal error encountered.'): GeminiRefusal {
    return new GeminiRefusal(CLOSE.internal, reason);
  }
}

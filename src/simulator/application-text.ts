/** Applications as texts: in dialplans, and in the inline dialplan of a transfer. */

/** One step of a script: `playback(silence_stream://1000)`. */
export interface Application {
  readonly name: string;
  readonly data: string;
  /** Runs without CHANNEL_EXECUTE: what the core runs by itself, as after `uuid_park`. */
  readonly unannounced?: boolean;
}

/** The inline dialplan: `answer,park`, `playback:silence_stream://1000,park`, or with another separator `m:^:answer^park`. */
export function parseInline(text: string): Application[] {
  const other = /^m:(.):/.exec(text);
  const steps = other === null ? text.split(',') : text.slice(other[0].length).split(other[1]!);
  return steps.map(parseApplication);
}

/** `name` or `name:data`. */
export function parseApplication(step: string): Application {
  const colon = step.indexOf(':');
  if (colon < 0) return { name: step.trim(), data: '' };
  return { name: step.slice(0, colon).trim(), data: step.slice(colon + 1) };
}

/** What clients of the embedded backend send, before its meaning is looked at. */
import { RealtimeRefusal } from './realtime-refusal.ts';

/** An object of JSON whose fields nobody has looked at. */
export type Fields = Readonly<Record<string, unknown>>;

const CLIENT_EVENTS = [
  'session.update',
  'input_audio_buffer.append',
  'input_audio_buffer.commit',
  'input_audio_buffer.clear',
  'conversation.item.create',
  'conversation.item.truncate',
  'conversation.item.delete',
  'conversation.item.retrieve',
  'response.create',
  'response.cancel',
];

/** The object in `text`; it has a type, of whatever kind. @throws RealtimeRefusal */
export function parseClientEvent(text: string): Fields {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = 'We could not parse the JSON body of your request: it is not valid JSON.';
    throw new RealtimeRefusal('invalid_json', message);
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new RealtimeRefusal('invalid_type', 'Invalid type for the event: expected an object.');
  }
  if (!('type' in event)) {
    throw new RealtimeRefusal('missing_required_parameter', "Missing required parameter: 'type'.", 'type');
  }
  return event;
}

/** Strict, as the service is: `Buffer.from` would read anything. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** The refusal of an event that nobody knows. */
export function unknownType(type: unknown): RealtimeRefusal {
  const given = typeof type === 'string' ? `'${type.slice(0, 64)}'` : typeof type;
  const known = CLIENT_EVENTS.map((name) => `'${name}'`).join(', ');
  return new RealtimeRefusal('invalid_value', `Invalid value: ${given}. Supported values are: ${known}.`, 'type');
}

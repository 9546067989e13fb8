/** Whom an agent speaks to that listens to a call between two people. */

/** Whose ear: `caller` is the party of the tapped channel itself, `other` whoever it is bridged to. */
export type Whisper = 'none' | 'caller' | 'other' | 'both';

/** Every {@link Whisper}. */
export const WHISPERS: readonly Whisper[] = ['none', 'other', 'caller', 'both'];

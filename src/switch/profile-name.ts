/** What a dialplan, a channel variable or a command may name as a profile. */
const PROFILE = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** Whether this can be the name of a profile. */
export function isProfileName(text: string): boolean {
  return PROFILE.test(text);
}

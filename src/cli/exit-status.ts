/** Exit statuses of the `talkspurt` command. */
export const EXIT = {
  ok: 0,
  /** It ran, and what it was to do or to prove failed. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was started. */
  usage: 2,
} as const;

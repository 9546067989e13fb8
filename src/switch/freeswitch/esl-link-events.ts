/** Events that a link asks a switch for: what legs live by, and the results of our own jobs. */
export const ESL_LINK_EVENTS = [
  'CHANNEL_ANSWER',
  'CHANNEL_PARK',
  'CHANNEL_UNPARK',
  'CHANNEL_BRIDGE',
  'CHANNEL_UNBRIDGE',
  'CHANNEL_EXECUTE',
  'CHANNEL_EXECUTE_COMPLETE',
  'PLAYBACK_START',
  'PLAYBACK_STOP',
  'PRIVATE_COMMAND',
  'DTMF',
  'CHANNEL_HANGUP',
  'CHANNEL_HANGUP_COMPLETE',
  'CHANNEL_DESTROY',
  'BACKGROUND_JOB',
] as const;

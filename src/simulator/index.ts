/**
 * `talkspurt/simulator`: a switch, a caller and a Realtime backend that speak the real wire protocols on loopback, for
 * tests and demonstrations of programs that know nothing of talkspurt.
 */
export { SystemClock } from '../core/clock.ts';
export type { Clock, Timer } from '../core/clock.ts';
export { TalkspurtError, hasCode } from '../core/errors.ts';
export { SimulatedSwitch } from './simulated-switch.ts';
export type { SimulatedSwitchOptions } from './simulated-switch.ts';
export type { CallOptions, ChannelStats, SimulatedChannel } from './simulated-channel.ts';
export type { SimulatedPhone } from './phone.ts';
export { SimulatedCaller } from './caller.ts';
export type { CallerEvent, CallerRecording, SimulatedCallerOptions } from './caller.ts';
export { prepareScript } from './caller-script.ts';
export type { CallerLine, CallerStep, CallerWait } from './caller-script.ts';
export type { SpeechSpan } from './caller-ear.ts';
export { ModuleClient } from './module-client.ts';
export { StreamServer } from './stream-server.ts';
export { RealtimeServer } from './realtime-server.ts';
export type { RealtimeServerOptions } from './realtime-server.ts';
export type { MalformedFrame, RealtimeFault, RealtimeStats } from './realtime-behaviour.ts';
export { DeepgramServer } from './deepgram-server.ts';
export type { DeepgramServerOptions } from './deepgram-server.ts';
export type { DeepgramServerFault, DeepgramServerStats } from './deepgram-message.ts';
export { GeminiServer } from './gemini-server.ts';
export type { GeminiServerOptions } from './gemini-server.ts';
export type { GeminiMalformedFrame, GeminiServerFault, GeminiServerStats } from './gemini-message.ts';
export { FERRY_OFFICE, parseDialogue, phrasesOf } from './dialogue.ts';
export type { Dialogue, DialogueAnswer, DialogueCall } from './dialogue.ts';
export { findHearing, recogniseWav } from './hearing.ts';
export type { Hearing } from './hearing.ts';
export { SpeechSynthesizer, VOICES } from './speech.ts';
export type { Speech, SpeechSource, Voice } from './speech.ts';
export { resampleSinc } from './sinc-resample.ts';
export { readWav, readWavFile, toMono, writeWav } from './wav.ts';
export type { WavAudio } from './wav.ts';

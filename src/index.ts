/**
 * talkspurt as a library: a gateway from a configuration, or put together from parts of your own. See README.md and
 * examples/library.ts.
 */
export { attach } from './attach.ts';
export type { AttachOptions } from './attach.ts';
export { loadConfig } from './config.ts';
export type { Config, ConfigSource } from './config.ts';
export { startRuntime } from './gateway-from-config.ts';
export type { Runtime, RuntimeOptions } from './gateway-from-config.ts';
export { Gateway } from './gateway.ts';
export type { GatewayOptions, GatewayProfile } from './gateway.ts';
export { Session } from './session/session.ts';
export type { SessionEnd, SessionOptions, SessionParts } from './session/session.ts';
export { OpenAiRealtimeBackend } from './backend/openai-realtime.ts';
export type { OpenAiRealtimeConfig } from './backend/openai-realtime.ts';
export { StreamBackend } from './backend/stream-backend.ts';
export type { StreamConfig } from './backend/stream-config.ts';
export type { Backend, BackendCall, BackendSink, BackendStream } from './backend/backend.ts';
export { FreeswitchAdapter } from './switch/freeswitch/freeswitch-adapter.ts';
export type { FreeswitchAdapterOptions } from './switch/freeswitch/freeswitch-adapter.ts';
export { FrontDoor } from './switch/freeswitch/front-door.ts';
export type { FrontDoorOptions } from './switch/freeswitch/front-door.ts';
export { EslAttachedLink } from './switch/freeswitch/esl-attached-link.ts';
export { EslNativeLink } from './switch/freeswitch/esl-native-link.ts';
export { EslPackageLink } from './switch/freeswitch/esl-package-link.ts';
export type { EslEvent, EslLink } from './switch/freeswitch/esl-link.ts';
export { detectModules } from './switch/freeswitch/module/module-detection.ts';
export { ModuleMedia } from './switch/freeswitch/module/module-opening.ts';
export { ModuleServer } from './switch/freeswitch/module/module-server.ts';
export { SipAdapter } from './switch/sip/sip-adapter.ts';
export { SipEndpoint } from './sip/sip-endpoint.ts';
export type { SipCall } from './sip/sip-call.ts';
export type { CallLeg, LegListener, SwitchAdapter, SwitchSink } from './switch/switch-adapter.ts';
export type { MediaSink, MediaTransport, MediaTransportStats } from './transport/media-transport.ts';
export { WasmDspPool } from './dsp/dsp-pool.ts';
export type { Dsp, DspOptions, DspPool } from './dsp/dsp.ts';
export { SystemClock } from './core/clock.ts';
export type { Clock, Timer } from './core/clock.ts';
export { TalkspurtError, hasCode } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export { fanOut } from './core/events.ts';
export type { CallEvent, EventSink, ProcessEvent, TalkspurtEvent } from './core/events.ts';
export { VERSION } from './version.ts';

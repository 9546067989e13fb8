/** The configuration of `talkspurt serve`, checked as a whole before anything starts. See docs/configuration.md. */
export { describeConfig } from './config/describe-config.ts';
export { dialplanSwitchName } from './config/config-asterisk-checks.ts';
export { usesModule } from './config/config-references.ts';
export { loadConfig, secretsOfConfig } from './config/load-config.ts';
export type { BackendConfig, Config, ConfigSource, AsteriskConfig, FreeswitchConfig } from './config/load-config.ts';

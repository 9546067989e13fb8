/** `reload`: the configuration read again, for new calls. All of it takes effect, or nothing. */
import type { Config } from './config.ts';
import { secretsOfConfig } from './config.ts';
import { TalkspurtError } from './core/errors.ts';
import { HostList } from './core/host-list.ts';
import { closeEmbedded, makeProfiles } from './gateway-backends.ts';
import type { BackendMakers, Profiles } from './gateway-backends.ts';
import type { Gateway } from './gateway.ts';
import type { LogSink } from './observe/log-sink.ts';

/** What is reloaded, and from what. */
export interface ReloadParts {
  /** What the process was started with: its switches and servers have it until it is started again. */
  readonly started: Config;
  /** @throws as `loadConfig` */
  read(): Config;
  gateway(): Pick<Gateway, 'replaceProfiles' | 'draining' | 'profileNames'>;
  readonly makers: BackendMakers;
  readonly log: LogSink;
}

/**
 * What the command does: new profiles, backends and hosts of `start`; what else has changed waits for a restart. One at a
 * time. @throws ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_DRAINING, and what is wrong with the configuration: then nothing
 * has changed
 */
export function reloader(parts: ReloadParts): () => Promise<string> {
  let running = false;
  return async () => {
    if (running) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'the configuration is being read again already');
    }
    running = true;
    try {
      return await reload(parts);
    } finally {
      running = false;
    }
  };
}

async function reload(parts: ReloadParts): Promise<string> {
  const { makers, log } = parts;
  const gateway = parts.gateway();
  refuseWhenDraining(gateway);
  const config = parts.read();
  refuseWhatNoCallSurvives(config, parts.started, gateway.profileNames.length > 0);
  // Before anything is made with them: what fails may say them.
  log.addSecrets(secretsOfConfig(config));
  const targets = new HostList('targets.allow', config.targets.allow);
  const hadEmbedded = makers.embedded !== null;
  let made: Profiles;
  try {
    made = await makeProfiles(config, makers);
    // What is made while the process ends would stay open.
    refuseWhenDraining(gateway);
  } catch (error) {
    if (!hadEmbedded) await closeEmbedded(makers);
    throw error;
  }
  gateway.replaceProfiles(made.profiles, made.backends, targets);
  for (const warning of config.warnings) log.note('warn', 'configuration warning', { warning });
  return `${made.profiles.size} profiles, ${made.backends.size} backends; switches and servers need a restart`;
}

function refuseWhenDraining(gateway: Pick<Gateway, 'draining'>): void {
  if (!gateway.draining) return;
  throw new TalkspurtError('ERR_TALKSPURT_DRAINING', 'there will be no new calls: the gateway is stopping');
}

/** A file that is being written is empty for a moment; and who gives calls a profile goes on with the name of the start. */
function refuseWhatNoCallSurvives({ profiles }: Config, { switches, sip }: Config, hadProfiles: boolean): void {
  const refuse = (why: string): never => {
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `${why}; nothing has changed`);
  };
  if (hadProfiles && Object.keys(profiles).length === 0) refuse('no profile is left: new calls would all be refused');
  const given = switches.flatMap((each) =>
    each.kind === 'freeswitch' ? [each.outboundProfile] : [each.profile, each.media.audioSocket.profile],
  );
  for (const name of [...given, sip === false ? undefined : sip.profile]) {
    if (name === undefined || Object.hasOwn(profiles, name)) continue;
    refuse(`profile ${name} is gone, and a switch or sip gives it to calls until a restart: keep it, or restart`);
  }
}

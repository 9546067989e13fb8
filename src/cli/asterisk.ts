/** `talkspurt asterisk …`: what goes into an Asterisk. */
import type { Argv, CommandModule } from 'yargs';
import { asteriskSnippets, DEFAULT_ASTERISK_SNIPPET_OPTIONS } from '../switch/asterisk/asterisk-snippets.ts';
import type { SnippetMedia } from '../switch/asterisk/asterisk-snippets.ts';
import { checkedNumber, checkedOnce } from './argument-checks.ts';
import { printedSnippets, writeSnippets } from './freeswitch.ts';

interface DialplanArguments {
  readonly out?: string | undefined;
  readonly profile: string;
  readonly app: string;
  readonly host: string;
  readonly media: SnippetMedia;
  readonly 'http-port': number;
  readonly 'audio-socket-port': number;
  readonly 'web-socket-port': number;
  readonly force: boolean;
}

const dialplanCommand: CommandModule<object, DialplanArguments> = {
  command: 'dialplan',
  describe: 'dialplan, ARI user and WebSocket client for Asterisk, and the configuration that goes with them',
  builder: (yargs: Argv) => {
    const defaults = DEFAULT_ASTERISK_SNIPPET_OPTIONS;
    return yargs
      .option('out', { type: 'string', describe: 'folder to write the files to (default: print them)' })
      .option('profile', { type: 'string', default: defaults.profile, describe: 'profile that the extensions start' })
      .option('app', { type: 'string', default: defaults.app, describe: 'Stasis application, and ARI user' })
      .option('host', { type: 'string', default: defaults.host, describe: 'address of talkspurt as Asterisk sees it' })
      .option('media', {
        choices: ['all', 'rtp', 'audiosocket', 'websocket'] as const,
        default: defaults.media,
        describe: 'media path that the files are for',
      })
      .option('http-port', { type: 'number', default: defaults.httpPort, describe: "port of Asterisk's HTTP server" })
      .option('audio-socket-port', {
        type: 'number',
        default: defaults.audioSocketPort,
        describe: 'port of talkspurt for AudioSocket',
      })
      .option('web-socket-port', {
        type: 'number',
        default: defaults.webSocketPort,
        describe: "port of talkspurt for Asterisk's chan_websocket",
      })
      .option('force', { type: 'boolean', default: false, describe: 'replace files that are different' })
      .check(
        (given) =>
          checkedOnce(given, 'out', 'profile', 'app', 'host', 'media') &&
          ['http-port', 'audio-socket-port', 'web-socket-port'].every((key) => checkedNumber(given, key, 1, 65_535)),
      );
  },
  handler: async ({ out, force, profile, app, host, media, ...ports }) => {
    const snippets = asteriskSnippets({
      profile,
      app,
      host,
      media,
      httpPort: ports['http-port'],
      audioSocketPort: ports['audio-socket-port'],
      webSocketPort: ports['web-socket-port'],
    });
    if (out === undefined) {
      process.stdout.write(printedSnippets(snippets));
      return;
    }
    for (const path of await writeSnippets(snippets, out, force)) process.stdout.write(`${path}\n`);
  },
};

/** The `asterisk` sub-command. */
export const asteriskCommand: CommandModule = {
  command: 'asterisk <command>',
  describe: 'what goes into an Asterisk',
  builder: (yargs: Argv) => yargs.command(dialplanCommand).demandCommand(1, 'Name what of it; see below.'),
  handler: () => undefined,
};

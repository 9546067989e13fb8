/** The keys of an Asterisk. */
import { z } from 'zod';
import { NAME_PATTERN, filePath, host, listenPort, patterned, port, secret, sectionName } from './config-fields.ts';

const allow = z
  .array(z.string().min(1).max(64))
  .min(1)
  .max(256)
  .optional()
  .describe('Addresses or CIDR blocks that may connect; absent: loopback and `sources`');

const audioSocket = z
  .strictObject({
    port: listenPort.default(9092).describe('Port it listens on; 0: any free one'),
    allow,
    profile: z
      .string()
      .optional()
      .describe("Profile of calls that the dialplan's `AudioSocket` application brings; absent: they are refused"),
  })
  .prefault({})
  .describe('AudioSocket server; open while `kind` is audiosocket, with `profile`, or when `auto` has come to it');

const websocket = z
  .strictObject({
    mode: z
      .enum(['server', 'client'])
      .default('client')
      .describe(
        '`client`: we dial `/media` of its HTTP server; `server`: Asterisk dials us, by an entry of websocket_client.conf',
      ),
    client: sectionName.default('talkspurt').describe('With `server`: name of that entry'),
    port: listenPort.default(8787).describe('With `server`: port we listen on; 0: any free one'),
    allow,
    username: z.string().min(1).max(128).optional().describe('With `server`: Asterisk has to log in so (basic)'),
    password: secret.optional().describe('Password that goes with it; better kept in a file or variable'),
    passwordFile: filePath.optional().describe('File that holds the password'),
  })
  .prefault({})
  .describe('chan_websocket');

const asteriskMedia = z
  .strictObject({
    kind: z
      .enum(['auto', 'rtp', 'audiosocket', 'websocket'])
      .default('auto')
      .describe(
        'Media path: `rtp` (externalMedia by UDP), `audiosocket` (TCP, wideband, nothing to configure in Asterisk), `websocket` (chan_websocket, Asterisk 22.8 or later), or `auto`: the first of these that the connected Asterisk has',
      ),
    format: z
      .enum(['auto', 'ulaw', 'alaw', 'g722', 'slin', 'slin16', 'slin24', 'slin48'])
      .default('auto')
      .describe('Format of the media channel; `auto`: by the call and the path'),
    bindHost: host.default('127.0.0.1').describe('Address that our sockets are bound to'),
    advertiseHost: host.optional().describe('Address that Asterisk is told, where it is not `bindHost`'),
    sources: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(64)
      .optional()
      .describe(
        "Addresses or CIDR blocks that Asterisk's media come from, behind a translation of addresses too; absent: those of `host`. Over `rtp` also the one that Asterisk names",
      ),
    ports: z
      .strictObject({
        from: port.default(20_000).describe('First port'),
        to: port.default(30_000).describe('Last port'),
      })
      .prefault({})
      .describe('UDP ports of `rtp` and `auto`, in pairs'),
    audioSocket,
    websocket,
  })
  .prefault({})
  .describe('Media path');

/** One Asterisk. */
export const asterisk = z.strictObject({
  name: z.string().regex(NAME_PATTERN).describe('Name, in logs, metrics and health'),
  kind: z.literal('asterisk').describe('Kind of switch'),
  host: host.default('127.0.0.1').describe('Address of its HTTP server'),
  port: port.default(8088).describe('Port of its HTTP server (`bindport` of http.conf)'),
  tls: z.boolean().default(false).describe('Whether it is reached by TLS (https, wss), whose certificate is verified'),
  caFile: filePath
    .optional()
    .describe('With `tls`: PEM certificates to verify it by, of an authority of your own; absent: those of Node'),
  username: z.string().min(1).max(128).default('talkspurt').describe('A user of ari.conf'),
  password: secret.optional().describe('Password of that user; better kept in a file or variable'),
  passwordFile: filePath.optional().describe('File that holds the password'),
  app: sectionName.default('talkspurt').describe('Stasis application that we register'),
  link: z
    .enum(['native', 'package'])
    .default('native')
    .describe('Client of ARI: our own, or `ari-client` behind walls (docs/decisions/0003-ari-link.md)'),
  profile: z
    .string()
    .optional()
    .describe('Profile of calls whose Stasis arguments name none; absent: they are refused'),
  variables: z
    .array(
      patterned(
        // Nothing that Asterisk would evaluate, and nothing that it or a URL would take apart.
        /^[A-Za-z_][A-Za-z0-9_-]{0,79}(\([A-Za-z0-9_.,:@/+ -]{0,120}\))?$/,
        'a variable or a function with plain arguments: ACCOUNT, CHANNEL(language), PJSIP_HEADER(read,X-Account)',
      ),
    )
    .max(64)
    .default([])
    .describe('Channel variables that are asked for at the start of a call, beside what its Stasis arguments say'),
  media: asteriskMedia,
});

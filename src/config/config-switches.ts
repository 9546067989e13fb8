/** The keys of each kind of switch. */
import { z } from 'zod';
import { NAME_PATTERN, filePath, host, listenPort, patterned, port, secret } from './config-fields.ts';

const freeswitchMedia = z
  .strictObject({
    kind: z
      .enum(['sip', 'unicast', 'module'])
      .default('sip')
      .describe(
        'Media path of calls that are not bridged: `sip` (the switch calls us; needs `sip`, any codec), `unicast` (least delay and set-up, parked channels only) or `module` (mod_audio_stream or mod_audio_fork, where the switch has it; needs `modules`)',
      ),
    tap: z
      .enum(['sip', 'unicast', 'record-fifo', 'module'])
      .optional()
      .describe(
        'Media path of bridged calls, which are tapped; absent: `module` where `kind` is, otherwise `sip` where it is open, otherwise `unicast`. An eavesdropper over `sip`, or by a loopback channel and `unicast`; `record-fifo` only listens, to a recording on this host; so does `module`',
      ),
    module: z
      .enum(['mod_audio_stream', 'mod_audio_fork'])
      .optional()
      .describe('Which module, where the switch has both; absent: mod_audio_stream'),
    moduleEdition: z
      .literal('commercial')
      .optional()
      .describe('The closed edition of mod_audio_stream, which cannot be told from the published one'),
    fifoDirectory: filePath
      .optional()
      .describe('Where FIFOs are made for `record-fifo`, if the switch runs as another user; absent: a private one'),
    gateway: patterned(
      /^[A-Za-z0-9_.-]{1,128}$/,
      'a word of letters, digits, dots, dashes and underscores, at most 128',
    )
      .default('internal')
      .describe('SIP profile of the switch that calls us'),
    codec: z
      .enum(['auto', 'PCMU', 'PCMA', 'G722', 'L16'])
      .default('auto')
      .describe("Codec of a SIP leg; `auto`: the call's own where we have it, otherwise L16"),
    bindHost: host.default('127.0.0.1').describe('Address that our sockets are bound to'),
    advertiseHost: host.optional().describe('Address that the switch sends to, where it is not `bindHost`'),
    native: z.boolean().default(true).describe("Take the leg's own G.711 where it has it; otherwise always L16"),
    portRange: z
      .strictObject({
        from: port.describe('First port'),
        to: port.describe('Last port'),
      })
      .optional()
      .describe('UDP ports to use; absent: any free ones'),
  })
  .prefault({})
  .describe('Media path');

/** One FreeSWITCH. */
export const freeswitch = z.strictObject({
  name: z.string().regex(NAME_PATTERN).describe('Name, in logs, metrics and health'),
  kind: z.literal('freeswitch').describe('Kind of switch'),
  host: host.default('127.0.0.1').describe('Address of its event socket'),
  port: port.default(8021).describe('Port of its event socket'),
  password: secret.optional().describe('Password of its event socket; better kept in a file or variable'),
  passwordFile: filePath.optional().describe('File that holds the password'),
  media: freeswitchMedia,
  outboundProfile: z
    .string()
    .optional()
    .describe('Profile of calls that come in by the outbound socket or our SIP without naming one'),
  publish: z
    .union([
      z.literal(false),
      z.strictObject({
        personalData: z.boolean().default(false).describe('Transcripts and digits too'),
        telemetryMs: z
          .number()
          .int()
          .min(0)
          .max(3_600_000)
          .default(10_000)
          .describe('Time between two health and telemetry events of a call; 0: none'),
      }),
    ])
    .prefault({})
    .describe('CUSTOM events on the switch (docs/events.md); `false`: none'),
  commands: z.boolean().default(true).describe('Whether CUSTOM events `audio_stream::command` are carried out'),
});

/** Modules of switches. */
export const modules = z
  .strictObject({
    host: host.default('127.0.0.1').describe('Address it listens on'),
    port: listenPort.default(8085).describe('Port it listens on; 0: any free one'),
    advertiseHost: host.optional().describe('Address that switches are told, where it is not `host`'),
    allow: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(256)
      .default(['127.0.0.0/8', '::1/128'])
      .describe('Addresses or CIDR blocks that may connect'),
    username: z.string().min(1).max(128).optional().describe('With it, modules have to log in (basic)'),
    password: secret.optional().describe('Password that goes with it; better kept in a file or variable'),
    passwordFile: filePath.optional().describe('File that holds the password'),
    certFile: filePath.optional().describe('PEM certificate; with it and `keyFile` modules connect by TLS'),
    keyFile: filePath.optional().describe('PEM key'),
  })
  .prefault({})
  .describe(
    'Where the WebSocket modules of switches connect; open only while a switch has `media.kind` or `media.tap` module',
  );

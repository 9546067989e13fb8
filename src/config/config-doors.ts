/** The keys of what listens, plays and records. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { filePath, host, hostList, listenPort, port, secret } from './config-fields.ts';

/** Status server. */
export const status = z
  .union([
    z.literal(false),
    z.strictObject({
      host: host.default('127.0.0.1').describe('Address it listens on; beyond loopback it needs a token'),
      port: listenPort.default(9464).describe('Port it listens on; 0: any free one'),
      readToken: secret
        .optional()
        .describe('Token that reads calls, events and the live page; better kept in a file or variable'),
      readTokenFile: filePath.optional().describe('File that holds it'),
      controlToken: secret
        .optional()
        .describe('Token that commands as well; better kept in a file or variable. Without it there are no commands'),
      controlTokenFile: filePath.optional().describe('File that holds it'),
      hosts: z
        .array(host)
        .max(64)
        .default([])
        .describe('Names in `Host` that requests may be for, besides those of loopback; empty: any, beyond loopback'),
      origins: z
        .array(z.string().min(1).max(255))
        .max(64)
        .default([])
        .describe('Origins, as `https://ops.example.com`, whose pages may read and command (CORS)'),
      personalData: z
        .boolean()
        .default(false)
        .describe(
          'Show those with a token who calls whom, what is said and dialled; without it those fields are dropped',
        ),
      page: z.boolean().default(true).describe('Whether there is a live page at `/`'),
      requestsPerSecond: z
        .number()
        .min(1)
        .max(10_000)
        .default(20)
        .describe('Requests of one client address in the long run; three seconds of them may come at once'),
    }),
  ])
  .prefault({})
  .describe('Status server: health, metrics, the HTTP API and the live page; `false`: none');

/** Front door. */
export const frontDoor = z
  .union([
    z.literal(false),
    z.strictObject({
      host: host.default('127.0.0.1').describe('Address it listens on'),
      port: listenPort.default(8022).describe('Port it listens on; 0: any free one'),
      password: secret.optional().describe('Password that operators log in with; better kept in a file or variable'),
      passwordFile: filePath.optional().describe('File that holds the password'),
      allow: z
        .array(z.string().min(1).max(64))
        .min(1)
        .max(256)
        .default(['127.0.0.0/8', '::1/128'])
        .describe('Addresses or CIDR blocks that may connect'),
    }),
  ])
  .default(false)
  .describe('Front door: an ESL server for `fs_cli`; `false`: closed');

/** Sounds. */
export const sounds = z
  .strictObject({
    directory: filePath.optional().describe('Where `play` takes files from; absent: it takes none'),
    hold: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('WAV file in `directory` that callers on hold hear, over and over; absent: two quiet notes'),
    urls: z.boolean().default(false).describe('Whether `play` fetches http(s) URLs'),
    allow: hostList.describe('…and from which hosts; written as in `targets.allow`'),
  })
  .prefault({})
  .describe('Sounds that operators play');

/** Targets of commands. */
export const targets = z
  .strictObject({
    allow: hostList.describe(
      'Hosts that `start ws://…` may connect to: names, `*.` and a name (all below it), addresses, CIDR blocks; `*`: any. Names are not looked up: a block lets in URLs that hold an address',
    ),
  })
  .prefault({})
  .describe('What commands may have this process connect to; backends of the configuration are not asked');

/** Recordings. */
export const recordings = z
  .strictObject({
    directory: filePath.optional().describe('Where `record` writes; it has to exist. Absent: nothing is recorded'),
    maxSeconds: z
      .number()
      .int()
      .min(1)
      .max(7 * 86_400)
      .default(LIMITS.recordingMaximumMs / 1000)
      .describe('A recording ends after this long, s; the call goes on. It ends at 2 GiB in any case'),
  })
  .prefault({})
  .describe('Recordings that operators make');

/** Outbound socket. */
export const outboundSocket = z
  .union([
    z.literal(false),
    z.strictObject({
      host: host.default('127.0.0.1').describe('Address it listens on'),
      port: listenPort.default(8084).describe('Port it listens on; 0: any free one'),
      allow: z
        .array(z.string().min(1).max(64))
        .min(1)
        .max(256)
        .default(['127.0.0.0/8', '::1/128'])
        .describe('Addresses or CIDR blocks that may connect'),
    }),
  ])
  .default(false)
  .describe("Outbound socket: the dialplan's `socket` application hands calls over; `false`: closed");

/** SIP. */
export const sip = z
  .union([
    z.literal(false),
    z.strictObject({
      host: host.default('127.0.0.1').describe('Address it listens on'),
      port: listenPort.default(5090).describe('Port it listens on; 0: any free one'),
      protocols: z
        .array(z.enum(['udp', 'tcp']))
        .min(1)
        .max(2)
        .default(['udp', 'tcp'])
        .describe('Transports'),
      advertiseHost: host.optional().describe('Address that peers are told, where it is not `host`'),
      allow: z
        .array(z.string().min(1).max(64))
        .min(1)
        .max(256)
        .default(['127.0.0.0/8', '::1/128'])
        .describe('Addresses or CIDR blocks that may call'),
      username: z.string().min(1).max(128).optional().describe('With it, callers have to log in (digest)'),
      password: secret.optional().describe('Password that goes with it; better kept in a file or variable'),
      passwordFile: filePath.optional().describe('File that holds the password'),
      rtpPorts: z
        .strictObject({
          from: port.default(20_000).describe('First port'),
          to: port.default(30_000).describe('Last port'),
        })
        .prefault({})
        .describe('UDP ports of RTP and RTCP, in pairs'),
      profile: z
        .string()
        .optional()
        .describe('Profile of calls from elsewhere whose called user is no profile; absent: they are refused'),
    }),
  ])
  .prefault({})
  .describe('SIP: how switches call us; `false`: closed');

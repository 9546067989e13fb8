/** `status` and `show …` of the simulated switch. */
import type { Clock } from '../core/clock.ts';
import type { EslEventFactory } from '../switch/freeswitch/esl-event-factory.ts';
import { localDate } from '../switch/freeswitch/esl-event-factory.ts';
import { commandWords } from './command-words.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** What the reports are about. */
export interface ReportHost {
  readonly clock: Clock;
  readonly factory: EslEventFactory;
  readonly channels: ReadonlyMap<string, SimulatedChannel>;
  readonly startedMs: number;
  sessionsSinceStart(): number;
  readonly version: string;
}

/** `status`, line for line. */
export function statusReport(host: ReportHost): string {
  const upMs = host.clock.nowMs() - host.startedMs;
  const seconds = Math.floor(upMs / 1000);
  const part = (unitSeconds: number, modulus: number): number => Math.floor(seconds / unitSeconds) % modulus;
  const micros = Math.floor((upMs % 1) * 1000);
  const up =
    `UP ${Math.floor(seconds / 31_536_000)} years, ${part(86_400, 365)} days, ${part(3600, 24)} hours, ${part(60, 60)} minutes, ` +
    `${part(1, 60)} seconds, ${Math.floor(upMs % 1000)} milliseconds, ${micros} microseconds`;
  const { size } = host.channels;
  return [
    up,
    `FreeSWITCH (Version ${host.version}) is ready`,
    `${host.sessionsSinceStart()} session(s) since startup`,
    `${size} session(s) - peak ${size}, last 5min ${size} `,
    `0 session(s) per Sec out of max 1000, peak 0, last 5min 0 `,
    '2000 session(s) max',
    'min idle cpu 0.00/100.00',
    'Current Stack Size/Max 240K/8192K',
    '',
  ].join('\n');
}

/** The time in front of a line of the log; microseconds that nobody measures. */
export function logTime(wallTimeMs: number): string {
  const now = new Date(wallTimeMs);
  return `${localDate(now)}.${String(now.getMilliseconds()).padStart(3, '0')}000`;
}

const SHOW_USAGE =
  '-USAGE: codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels [count|like <match string>]|calls|detailed_calls|bridged_calls|detailed_bridged_calls|aliases|complete|chat|management|modules|nat_map|say|interfaces|interface_types|tasks|limits|status\n';

/** `show channels [count] [as json]`, `show calls …`, `show aliases`. */
export function showReport(argument: string, host: ReportHost): string {
  const words = commandWords(argument, 6);
  const [what = '', ...rest] = words.map((word) => word.toLowerCase());
  if (what === 'status') return statusReport(host);
  if (!['channels', 'calls', 'bridged_calls', 'aliases', 'registrations', 'complete'].includes(what)) return SHOW_USAGE;
  const count = rest[0] === 'count';
  const like = what === 'channels' && rest[0] === 'like' ? (rest[1] ?? '') : null;
  const behind = rest.slice(count ? 1 : like === null ? 0 : 2);
  const format = behind[0] === 'as' ? (behind[1] ?? '') : 'csv';
  const rows = rowsOf(what, host).filter((each) => like === null || isLike(each, like));
  if (format === 'json') {
    if (count) return `{"row_count":${rows.length},"rows":[]}`;
    return rows.length === 0 ? '{"row_count": 0}\n' : JSON.stringify({ row_count: rows.length, rows });
  }
  if (format !== 'csv' && format !== 'delim') return `-ERR Cannot find format ${format}\n`;
  const total = `\n${rows.length} total.\n`;
  if (count || rows.length === 0) return total;
  const lines = [Object.keys(rows[0]!).join(','), ...rows.map((each) => Object.values(each).join(','))];
  return `${lines.join('\n')}\n${total}`;
}

/** The columns that `like` looks into. */
function isLike(channel: Record<string, string>, text: string): boolean {
  const columns = ['uuid', 'name', 'cid_name', 'cid_num', 'presence_data', 'accountcode'];
  return columns.some((column) => (channel[column] ?? '').toLowerCase().includes(text));
}

function rowsOf(what: string, host: ReportHost): Record<string, string>[] {
  const channels = [...host.channels.values()];
  if (what === 'channels') return channels.map((channel) => row(channel, host));
  if (what !== 'calls' && what !== 'bridged_calls') return [];
  // A bridged pair is one call, of the leg that asked for the other.
  const calls = channels.filter((channel) => !channel.bridged || channel.describe().otherLeg?.type === 'originatee');
  const wanted = what === 'calls' ? calls : calls.filter((channel) => channel.bridged);
  return wanted.map((channel) => {
    const other = channel.bridged ? host.channels.get(channel.partnerUuid ?? '') : undefined;
    return callRow(row(channel, host), other === undefined ? null : row(other, host));
  });
}

const OF_BOTH =
  `uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id presence_data accountcode callstate
  callee_name callee_num callee_direction`.split(/\s+/);

/** One row of the core's `calls` view. */
function callRow(a: Record<string, string>, b: Record<string, string> | null): Record<string, string> {
  const made: Record<string, string> = {};
  for (const name of [...OF_BOTH, 'call_uuid', 'hostname', 'sent_callee_name', 'sent_callee_num'])
    made[name] = a[name] ?? '';
  for (const name of [...OF_BOTH, 'sent_callee_name', 'sent_callee_num']) made[`b_${name}`] = b?.[name] ?? '';
  return { ...made, call_created_epoch: b === null ? '' : (a['created_epoch'] ?? '') };
}

/** One row of the core's `channels` table. */
function row(channel: SimulatedChannel, host: ReportHost): Record<string, string> {
  const description = channel.describe();
  const codec = description.codec?.name ?? '';
  const rate = description.codec === null ? '' : String(description.codec.sampleRateHz);
  const bits = description.codec === null ? '' : String(description.codec.sampleRateHz * (codec === 'L16' ? 16 : 8));
  const caller = {
    cid_name: description.callerName,
    cid_num: description.from,
    ip_addr: '127.0.0.1',
    dest: description.sentTo,
  };
  return {
    uuid: channel.uuid,
    direction: description.direction,
    created: localDate(new Date(description.createdMs)),
    created_epoch: String(Math.floor(description.createdMs / 1000)),
    name: description.name,
    state: description.state,
    ...caller,
    application: channel.application?.name ?? '',
    application_data: channel.application?.data ?? '',
    dialplan: description.dialplan,
    context: 'default',
    read_codec: codec,
    read_rate: rate,
    read_bit_rate: bits,
    write_codec: codec,
    write_rate: rate,
    write_bit_rate: bits,
    secure: '',
    hostname: host.factory.identity.switchname,
    presence_id: '',
    presence_data: '',
    accountcode: '',
    callstate: description.callState,
    callee_name: '',
    callee_num: '',
    callee_direction: '',
    call_uuid: description.variables.get('call_uuid') ?? description.uuid,
    sent_callee_name: '',
    sent_callee_num: '',
    initial_cid_name: description.calledFrom,
    initial_cid_num: description.calledFrom,
    initial_ip_addr: caller.ip_addr,
    initial_dest: description.to,
    initial_dialplan: description.direction === 'inbound' ? 'XML' : '',
    initial_context: 'default',
  };
}

/** What the kernel says of datagrams that never reached their program. */
import { existsSync, readFileSync } from 'node:fs';

/** Thrown away for want of room at UDP sockets of this machine whose port is wanted; NaN where the system does not tell. */
export function droppedDatagrams(wanted: (port: number) => boolean): number {
  const file = '/proc/net/udp';
  if (!existsSync(file)) return Number.NaN;
  let dropped = 0;
  for (const line of readFileSync(file, 'utf8').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt((fields[1] ?? '').split(':')[1] ?? '', 16);
    if (wanted(port)) dropped += Number(fields.at(-1));
  }
  return dropped;
}

/**
 * Records a jitter trace on this machine: one process sends a datagram every 20 ms, another notes when it comes, while others keep
 * the processors busy. Prints the transit of each packet over the quickest, in tenths of a millisecond, `-` for one that never came.
 *
 *   node --import tsx bench/jitter/record.ts <seconds> <busy processes> > trace.txt
 */
import { fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PTIME_NS = 20_000_000n;
const [role = '60', second = '0'] = process.argv.slice(2);

if (role === 'busy') {
  const end = Date.now() + Number(second) * 1_000;
  // Bursts of work with pauses between them, as other services have.
  const burst = (): void => {
    const until = Date.now() + 10 + Math.random() * 120;
    while (Date.now() < until) Math.sqrt(until);
    if (Date.now() < end) setTimeout(burst, Math.random() * 60);
  };
  burst();
} else if (role === 'send') {
  await send(Number(second), Number(process.argv[4]));
} else {
  await record(Number(role), Number(second));
}

async function send(port: number, packets: number): Promise<void> {
  const socket = createSocket('udp4');
  const start = process.hrtime.bigint();
  let number = 0;
  const next = (): void => {
    // A sender that was held up catches up at once, as a switch does.
    while (number < packets && process.hrtime.bigint() >= start + BigInt(number) * PTIME_NS) {
      const datagram = Buffer.alloc(172);
      datagram.writeUInt32BE(number);
      socket.send(datagram, port, '127.0.0.1');
      number += 1;
    }
    const wait = Number(start + BigInt(number) * PTIME_NS - process.hrtime.bigint()) / 1e6;
    if (number < packets) setTimeout(next, Math.max(0, wait));
    else setTimeout(() => socket.close(), 500);
  };
  next();
  await once(socket, 'close');
}

async function record(seconds: number, busy: number): Promise<void> {
  const packets = seconds * 50;
  const arrivals = new Float64Array(packets).fill(Number.NaN);
  const socket = createSocket('udp4');
  socket.on('message', (datagram) => (arrivals[datagram.readUInt32BE()] = Number(process.hrtime.bigint()) / 1e6));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const self = fileURLToPath(import.meta.url);
  for (let n = 0; n < busy; n += 1) fork(self, ['busy', String(seconds)]);
  await once(fork(self, ['send', String(socket.address().port), String(packets)]), 'exit');
  socket.close();
  const transits = Array.from(arrivals, (ms, number) => ms - number * 20);
  const least = transits.reduce((a, b) => (b < a ? b : a), Number.POSITIVE_INFINITY);
  console.log(transits.map((ms) => (Number.isNaN(ms) ? '-' : Math.round((ms - least) * 10))).join('\n'));
}

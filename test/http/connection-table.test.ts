/** Who has a place among the connections of the status server, and whose place a newcomer gets. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionTable } from '../../src/http/connection-table.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  destroyed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}

const asSocket = (socket: FakeSocket): Socket => socket as unknown as Socket;

/** A request of which everything has come. */
const WHOLE = { complete: true };

function admitted(table: ConnectionTable, address: string): FakeSocket {
  const socket = new FakeSocket(address);
  table.admit(asSocket(socket));
  return socket;
}

test('the newcomer has the place of who asks nothing for longest, of the address with most of those', () => {
  const table = new ConnectionTable(4);
  const probe = admitted(table, '10.0.0.9');
  const [first, second, third] = [1, 2, 3].map(() => admitted(table, '10.0.0.1'));
  // Who has just been answered is not the one that waits for longest.
  table.asked(asSocket(first!), WHOLE);
  table.answered(asSocket(first!));
  const next = admitted(table, '10.0.0.2');
  assert.equal(
    [probe, first, second, third, next].map((socket) => socket!.destroyed),
    [false, false, true, false, false],
  );
  assert.is(table.size, 4);
});

test('nobody who is being answered is cut: where all are the newcomer has no place', () => {
  const table = new ConnectionTable(2);
  const busy = [admitted(table, 'a'), admitted(table, 'a')];
  for (const socket of busy) table.asked(asSocket(socket), WHOLE);
  assert.is(admitted(table, 'b').destroyed, true);
  assert.equal(
    busy.map(({ destroyed }) => destroyed),
    [false, false],
  );
  busy[0]?.destroy();
  assert.is(admitted(table, 'b').destroyed, false);
});

test('half a request keeps no place: the oldest makes room, and nobody whose request is whole', () => {
  const table = new ConnectionTable(4);
  const probe = admitted(table, '10.0.0.9');
  const [whole, half, late] = [WHOLE, { complete: false }, { complete: false }].map((request) => {
    const socket = admitted(table, '10.0.0.1');
    table.asked(asSocket(socket), request);
    return socket;
  });
  const cut = (): boolean[] => [probe, whole, half, late].map((socket) => socket!.destroyed);
  assert.is(admitted(table, '10.0.0.2').destroyed, false);
  assert.equal(cut(), [false, false, true, false]);
});

test('a request whose rest comes is answered in peace', () => {
  const table = new ConnectionTable(1);
  const socket = admitted(table, 'a');
  const request = { complete: false };
  table.asked(asSocket(socket), request);
  request.complete = true;
  assert.is(admitted(table, 'b').destroyed, true);
  assert.is(socket.destroyed, false);
});

test('whatever happens: never too many, and a newcomer has a place unless all are being answered', () => {
  const step = fc.record({ who: fc.nat(12), what: fc.constantFrom('come', 'ask', 'begin', 'rest', 'answer', 'go') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const table = new ConnectionTable(5);
      const open: { socket: FakeSocket; requests: { complete: boolean }[] }[] = [];
      const alive = (): typeof open => open.filter(({ socket }) => !socket.destroyed);
      for (const { who, what } of steps) {
        const one = alive()[who % Math.max(1, alive().length)];
        if (what === 'come') {
          const busy = alive().filter(({ requests }) => requests.at(-1)?.complete === true);
          const full = busy.length === 5;
          const socket = admitted(table, `10.0.0.${who % 3}`);
          open.push({ socket, requests: [] });
          assert.is(socket.destroyed, full);
          assert.ok(busy.every((each) => !each.socket.destroyed));
        } else if (one !== undefined) {
          const last = one.requests.at(-1);
          if (what === 'ask' || what === 'begin') {
            const request = { complete: what === 'ask' };
            one.requests.push(request);
            table.asked(asSocket(one.socket), request);
          } else if (what === 'rest' && last !== undefined) last.complete = true;
          else if (what === 'answer' && last !== undefined) {
            one.requests.shift();
            table.answered(asSocket(one.socket));
          } else if (what === 'go') one.socket.destroy();
        }
        assert.is(table.size, alive().length);
        assert.ok(table.size <= 5);
      }
    }),
  );
});

test.run();

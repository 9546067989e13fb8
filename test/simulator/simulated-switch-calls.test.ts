// The life of calls on the simulated switch. The orders of events are those of a FreeSWITCH 1.11.2.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { api, eventNames, execute, lastEvent, TestPhone, withSwitch } from './switch-bench.ts';

const test = suite('SimulatedSwitch, calls');

const ALL = 'event json ALL\n\n';

test('an answered, parked call: events and headers', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    const { channel } = call({ from: '4930123', to: '5000', variables: { tenant: 'a b' } });
    await ticks(1);
    assert.equal(eventNames(esl), [
      'CHANNEL_CREATE',
      'CHANNEL_EXECUTE',
      'CHANNEL_PROGRESS_MEDIA',
      'CHANNEL_ANSWER',
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_EXECUTE',
      'CHANNEL_PARK',
    ]);
    const park = lastEvent(esl, 'CHANNEL_PARK');
    for (const [name, value] of Object.entries({
      'Unique-ID': channel.uuid,
      'Channel-State': 'CS_EXECUTE',
      'Channel-State-Number': '4',
      'Channel-Call-State': 'ACTIVE',
      'Answer-State': 'answered',
      'Call-Direction': 'inbound',
      'Channel-Read-Codec-Name': 'PCMU',
      'Channel-Read-Codec-Rate': '8000',
      'Caller-Caller-ID-Number': '4930123',
      'Caller-Destination-Number': '5000',
      variable_tenant: 'a b',
      variable_read_codec: 'PCMU',
      variable_current_application: 'park',
    })) {
      assert.is(park[name], value, name);
    }
    assert.is(lastEvent(esl, 'CHANNEL_CREATE')['Answer-State'], 'ringing');
    assert.is(lastEvent(esl, 'CHANNEL_CREATE')['Channel-Read-Codec-Name'], undefined);
    const sequence = [...esl.received.matchAll(/"Event-Sequence":"(\d+)"/g)].map((match) => Number(match[1]));
    assert.equal(
      sequence,
      sequence.toSorted((a, b) => a - b),
    );
  }));

test('a hang-up: order, causes, and nothing left', () =>
  withSwitch({}, async ({ simulated, call, client, ticks }) => {
    const { channel, phone } = call();
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    await ticks(100);
    assert.is(await api(esl, `uuid_kill ${channel.uuid} USER_BUSY`), '+OK\n');
    await until(() => esl.received.includes('CS_DESTROY'), 'events');
    assert.equal(eventNames(esl), [
      'CHANNEL_HANGUP',
      'CHANNEL_UNPARK',
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_HANGUP_COMPLETE',
      'CHANNEL_DESTROY',
    ]);
    const complete = lastEvent(esl, 'CHANNEL_HANGUP_COMPLETE');
    assert.is(complete['Hangup-Cause'], 'USER_BUSY');
    assert.is(complete['variable_hangup_cause_q850'], '17');
    assert.is(complete['variable_billsec'], '2');
    assert.is(complete['Answer-State'], 'hangup');
    assert.is(phone.endedWith, 17);
    assert.is(channel.hangupCause, 17);
    assert.is(simulated.channels.size, 0);
    assert.is(await api(esl, `uuid_exists ${channel.uuid}`), 'false');
    assert.is(await api(esl, `uuid_kill ${channel.uuid}`), '-ERR No such channel!\n');
  }));

test('the phone hangs up, presses digits, and is answered late', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const { channel, phone } = call({ answered: false });
    const esl = await client();
    await esl.ask('event json DTMF CHANNEL_ANSWER CHANNEL_HANGUP\n\n', /enabled json\n\n$/);
    await ticks(5);
    assert.is(phone.heard.length, 0, 'no media before the answer');
    assert.is(await api(esl, `uuid_answer ${channel.uuid}`), '+OK\n');
    assert.is(await api(esl, `uuid_answer ${channel.uuid}`), '+OK\n', 'again is fine');
    phone.digits = '1#';
    await ticks(2);
    assert.ok(phone.heard.length > 0);
    assert.equal(eventNames(esl), ['CHANNEL_ANSWER', 'DTMF', 'DTMF']);
    assert.is(lastEvent(esl, 'DTMF')['DTMF-Digit'], '#');
    phone.hungUp = true;
    await ticks(1);
    assert.is(lastEvent(esl, 'CHANNEL_HANGUP')['Hangup-Cause'], 'NORMAL_CLEARING');
    const ringing = call({ answered: false });
    ringing.phone.hungUp = true;
    await ticks(1);
    assert.is(ringing.channel.hangupCause, 487);
  }));

test('uuid_transfer park inline parks again; an extension, and none', () =>
  withSwitch(
    { extensions: { 7000: ['answer', 'playback:tone_stream://%(100,0,1000)', 'park'] } },
    async ({ call, client, ticks }) => {
      const { channel, phone } = call();
      const esl = await client();
      await esl.ask(ALL, /enabled json\n\n$/);
      assert.is(await api(esl, `uuid_transfer ${channel.uuid} park inline`), '+OK\n');
      assert.equal(eventNames(esl), [], 'not before the channel’s thread gets to it');
      await ticks(2);
      const reparked = ['CHANNEL_UNPARK', 'CHANNEL_EXECUTE_COMPLETE', 'CHANNEL_EXECUTE', 'CHANNEL_PARK'];
      assert.equal(eventNames(esl), reparked);

      phone.heard = [];
      await api(esl, `uuid_transfer ${channel.uuid} 7000 XML default`);
      await ticks(10);
      assert.equal(eventNames(esl).slice(4), [
        'CHANNEL_UNPARK',
        'CHANNEL_EXECUTE_COMPLETE',
        'CHANNEL_EXECUTE',
        'CHANNEL_EXECUTE_COMPLETE',
        'CHANNEL_EXECUTE',
        'PLAYBACK_START',
        'PLAYBACK_STOP',
        'CHANNEL_EXECUTE_COMPLETE',
        'CHANNEL_EXECUTE',
        'CHANNEL_PARK',
      ]);
      assert.is(lastEvent(esl, 'CHANNEL_PARK')['Caller-Destination-Number'], '7000');
      assert.is(phone.sounds.length, 5, '100 ms of tone');
      assert.ok(Math.max(...phone.sounds[2]!) > 7000);

      await api(esl, `uuid_transfer ${channel.uuid} nosuch`);
      await ticks(2);
      assert.is(channel.hangupCause, 3);
    },
  ));

test('uuid_park parks without an execute', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const { channel } = call({ parked: false });
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    assert.is(channel.parked, false);
    assert.is(await api(esl, `uuid_park ${channel.uuid}`), '+OK\n');
    await ticks(2);
    assert.ok(channel.parked);
    assert.equal(eventNames(esl), ['CHANNEL_EXECUTE_COMPLETE', 'CHANNEL_PARK']);
    assert.is(lastEvent(esl, 'CHANNEL_PARK')['Channel-State'], 'CS_PARK');
  }));

test('sendmsg: execute, with its PRIVATE_COMMAND at the end, and hangup', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const { channel, phone } = call();
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    await execute(esl, channel.uuid, 'playback', 'tone_stream://%(60,0,500)');
    await ticks(10);
    assert.equal(eventNames(esl), [
      'CHANNEL_EXECUTE',
      'PLAYBACK_START',
      'PLAYBACK_STOP',
      'CHANNEL_EXECUTE_COMPLETE',
      'PRIVATE_COMMAND',
    ]);
    assert.match(esl.received, /"Command":"sendmsg [^}]*"Event-Name":"PRIVATE_COMMAND"/);
    assert.is(lastEvent(esl, 'CHANNEL_EXECUTE_COMPLETE')['Application-Response'], 'FILE PLAYED');
    assert.is(phone.sounds.length, 3);
    await execute(esl, channel.uuid, 'playback', '/nosuch.wav');
    await ticks(2);
    assert.is(lastEvent(esl, 'CHANNEL_EXECUTE_COMPLETE')['Application-Response'], 'FILE NOT FOUND');
    await execute(esl, channel.uuid, 'playback', 'silence_stream://-1');
    await ticks(2);
    assert.is(channel.application?.name, 'playback');
    assert.is(await api(esl, `uuid_break ${channel.uuid} all`), '+OK\n');
    await ticks(2);
    assert.is(channel.application?.name, 'park');
    await esl.ask(`sendmsg ${channel.uuid}\ncall-command: hangup\nhangup-cause: 21\n\n`, /\+OK\n\n/);
    await ticks(2);
    assert.is(channel.hangupCause, 21);
  }));

test('an application that does not exist ends the call', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const { channel } = call();
    const esl = await client();
    await execute(esl, channel.uuid, 'constructor');
    await ticks(2);
    assert.is(channel.hangupCause, 27);
  }));

test('echo, and a bridge that carries both ways and ends with either', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const esl = await client();
    const [a, b] = [call(), call({ codec: 'PCMA' })];
    await execute(esl, a.channel.uuid, 'echo');
    await ticks(5);
    assert.is(a.phone.sounds.at(-1)![0], 988);
    [a.phone.says, b.phone.says] = [500, -500];
    await esl.ask('event json CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP\n\n', /enabled json\n\n$/);
    assert.is(await api(esl, `uuid_bridge ${a.channel.uuid} ${b.channel.uuid}`), `+OK ${b.channel.uuid}\n`);
    await ticks(10);
    assert.ok(a.phone.sounds.at(-1)![0]! < -450);
    assert.ok(b.phone.sounds.at(-1)![0]! > 450);
    assert.is(a.channel.parked, false);
    await api(esl, `uuid_kill ${b.channel.uuid}`);
    await ticks(3);
    assert.is(a.channel.hangupCause, 16);
    assert.equal(eventNames(esl).toSorted(), [
      'CHANNEL_BRIDGE',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP',
      'CHANNEL_UNBRIDGE',
    ]);
    assert.is(lastEvent(esl, 'CHANNEL_BRIDGE')['Bridge-B-Unique-ID'], b.channel.uuid);
  }));

test('park_after_bridge keeps the other leg', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const esl = await client();
    const [a, b] = [call({ variables: { park_after_bridge: 'true' } }), call()];
    await api(esl, `uuid_bridge ${a.channel.uuid} ${b.channel.uuid}`);
    await ticks(3);
    await api(esl, `uuid_transfer ${b.channel.uuid} park inline`);
    await ticks(3);
    assert.ok(a.channel.parked);
    assert.ok(b.channel.parked);
  }));

test('originate rings whom the switch knows', async () => {
  const phone = new TestPhone();
  await withSwitch(
    { phoneAt: (dial) => (dial === 'user/1001' ? phone : null) },
    async ({ simulated, client, ticks }) => {
      const esl = await client();
      assert.is(await api(esl, 'originate {origination_uuid=my-call,tenant=a}user/1001 &park'), '+OK my-call\n');
      await ticks(3);
      const channel = simulated.channels.get('my-call')!;
      assert.ok(channel.parked);
      assert.is(channel.variables.get('tenant'), 'a');
      assert.is(channel.describe().direction, 'outbound');
      assert.is(
        await api(esl, 'originate {origination_uuid=my-call}user/1001 &park'),
        '-ERR DESTINATION_OUT_OF_ORDER\n',
      );
      assert.is(await api(esl, 'originate user/1002 &park'), '-ERR USER_NOT_REGISTERED\n');
      assert.is(await api(esl, 'originate nosuch/x &park'), '-ERR CHAN_NOT_IMPLEMENTED\n');
      assert.match(await api(esl, 'originate user/1001'), /^-USAGE: <call url>/);
    },
  );
});

// As a FreeSWITCH 1.11.2 told of `originate {origination_uuid=A}sofia/internal/agent@… &park`, event by event.
test('an originated call: who was called is the caller once it is at work, and it has no dialplan before a transfer', async () => {
  const phone = new TestPhone();
  await withSwitch({ phoneAt: () => phone }, async ({ client, ticks }) => {
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    await api(esl, 'originate {origination_uuid=A}sofia/internal/agent@127.0.0.1 &park');
    await ticks(3);
    const told = (name: string): (string | undefined)[] =>
      ['Caller-Caller-ID-Number', 'Caller-Destination-Number', 'Caller-Dialplan', 'Caller-Context'].map(
        (header) => lastEvent(esl, name)[header],
      );
    assert.equal(told('CHANNEL_CREATE'), ['0000000000', 'agent', undefined, 'default']);
    assert.equal(told('CHANNEL_ANSWER'), ['0000000000', 'agent', undefined, 'default']);
    assert.equal(told('CHANNEL_PARK'), ['agent', 'agent', undefined, 'default']);
    assert.is(lastEvent(esl, 'CHANNEL_PARK')['Caller-Caller-ID-Name'], 'Outbound Call');
    assert.is(lastEvent(esl, 'CHANNEL_PARK')['Caller-Orig-Caller-ID-Number'], '0000000000');
    await api(esl, 'uuid_transfer A park inline');
    await ticks(2);
    assert.equal(told('CHANNEL_PARK'), ['agent', 'agent', 'inline', 'default']);
    const { rows } = JSON.parse(await api(esl, 'show channels as json')) as { rows: Record<string, string>[] };
    const [row] = rows;
    assert.equal(
      [row!['cid_name'], row!['cid_num'], row!['initial_cid_num']],
      ['Outbound Call', 'agent', '0000000000'],
    );
    assert.is(row!['initial_dialplan'], '');
    // Unlike the events, a list has where the channel was sent last.
    assert.equal([row!['dest'], row!['initial_dest']], ['park', 'agent']);
  });
});

test('variables and reports', () =>
  withSwitch({}, async ({ call, client, simulated }) => {
    const esl = await client();
    assert.is(await api(esl, 'show channels'), '\n0 total.\n');
    assert.is(await api(esl, 'show channels as json'), '{"row_count": 0}\n');
    const { channel } = call({ from: '1001' });
    const { uuid } = channel;
    assert.is(await api(esl, `uuid_setvar ${uuid} a b c`), '+OK\n');
    assert.is(await api(esl, `uuid_getvar ${uuid} a`), 'b c');
    assert.is(await api(esl, `uuid_setvar ${uuid} a`), '+OK\n');
    assert.is(await api(esl, `uuid_getvar ${uuid} a`), '_undef_');
    assert.is(await api(esl, `uuid_setvar_multi ${uuid} x=1;y=2`), '+OK\n');
    assert.is(await api(esl, `uuid_getvar ${uuid} y`), '2');
    assert.is(await api(esl, `uuid_getvar ${uuid} read_rate`), '8000');
    assert.is(await api(esl, `uuid_getvar ${uuid} caller_id_number`), '1001');
    assert.is(await api(esl, `uuid_getvar ${uuid} constructor`), '_undef_');
    assert.is(await api(esl, 'show channels count'), '\n1 total.\n');
    const rows = JSON.parse(await api(esl, 'show channels as json')) as {
      row_count: number;
      rows: Record<string, string>[];
    };
    assert.is(rows.row_count, 1);
    assert.is(rows.rows[0]!['uuid'], uuid);
    assert.is(rows.rows[0]!['application'], 'park');
    assert.is(rows.rows[0]!['callstate'], 'ACTIVE');
    assert.match(
      await api(esl, `uuid_dump ${uuid}`),
      /^Event-Name: CHANNEL_DATA\n[^]*\nvariable_channel_name: sofia\/internal\/1001%40127/,
    );
    assert.match(await api(esl, `uuid_dump ${uuid} plain`), /^Event-Name: \[CHANNEL_DATA\]\n/);
    assert.is((JSON.parse(await api(esl, `uuid_dump ${uuid} json`)) as Record<string, string>)['Unique-ID'], uuid);
    assert.match(await api(esl, `uuid_dump ${uuid} xml`), /^<event>\n {2}<headers>/);
    assert.is(await api(esl, 'global_setvar colour=blue'), '+OK');
    assert.is(await api(esl, 'global_getvar colour'), 'blue');
    assert.is(await api(esl, '__proto__ x'), '-ERR __proto__ Command not found!\n');
    assert.throws(() => simulated.createCall({ phone: new TestPhone(), uuid }), /UUID/);
  }));

test('a call that is nowhere to go on ends by itself', () =>
  withSwitch({}, async ({ call, client, ticks }) => {
    const { channel } = call();
    const esl = await client();
    await api(esl, `uuid_transfer ${channel.uuid} 'playback:silence_stream://40' inline`);
    await ticks(6);
    assert.is(channel.hangupCause, 16);
  }));

test.run();

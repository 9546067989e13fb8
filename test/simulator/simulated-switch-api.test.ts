// API commands and events that programs beside the switch live by. Replies are those of a FreeSWITCH 1.11.2.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { api, TestPhone, withSwitch } from './switch-bench.ts';

const test = suite('SimulatedSwitch, API and CUSTOM events');

test('sendevent CUSTOM from one client reaches the others that asked for its subclass, with its body', () =>
  withSwitch({}, async ({ client }) => {
    const [sender, wants, wantsOther, filters] = [await client(), await client(), await client(), await client()];
    await wants.ask('event json CUSTOM a::b c::d\n\n', /enabled json\n\n$/);
    await wantsOther.ask('event json CUSTOM x::y\n\n', /enabled json\n\n$/);
    await filters.ask('event json ALL\n\n', /enabled json\n\n$/);
    await filters.ask('filter Event-Subclass q::r\n\n', /filter added/);
    const reply = await sender.ask(
      'sendevent CUSTOM\nEvent-Subclass: a::b\ncontent-length: 5\nX-Y: z\n\nhello',
      /Reply-Text: \+OK [0-9a-f-]{36}\n\n/,
    );
    await until(() => wants.received.includes('"_body":"hello"'), 'event');
    const [keys] = [Object.keys(lastJson(wants.received))];
    assert.equal(keys.slice(0, 6), ['Event-Subclass', 'Command', 'content-length', 'X-Y', 'Event-UUID', 'Event-Name']);
    assert.equal(keys.slice(-3), ['Event-Sequence', 'Content-Length', '_body']);
    assert.is(lastJson(wants.received)['Event-UUID'], /\+OK (\S+)/.exec(reply)![1]);
    assert.is(lastJson(wants.received)['Event-Calling-Line-Number'], '2283');
    await sender.ask('sendevent CUSTOM\nEvent-Subclass: q::r\n\n', /\+OK /);
    await until(() => filters.received.includes('q::r","Command"'), 'filtered');
    assert.not.match(wantsOther.received, /a::b|q::r/);
    assert.not.match(filters.received, /a::b/);
  }));

test('show channels, calls and bridged_calls as json', () =>
  withSwitch({}, async ({ client, simulated, call, ticks }) => {
    const esl = await client();
    simulated.createBridgedCall({ phone: new TestPhone(), uuid: 'a' }, { phone: new TestPhone(), uuid: 'b' });
    call({ uuid: 'c' });
    await ticks(5);
    const show = async (what: string) =>
      JSON.parse(await api(esl, `show ${what} as json`)) as { row_count: number; rows: Record<string, string>[] };
    const channels = await show('channels');
    assert.equal(
      channels.rows.map(({ uuid, state, application, call_uuid: callUuid }) => [uuid, state, application, callUuid]),
      [
        ['a', 'CS_SOFT_EXECUTE', 'uuid_bridge', 'a'],
        ['b', 'CS_EXCHANGE_MEDIA', 'uuid_bridge', 'a'],
        ['c', 'CS_EXECUTE', 'park', 'c'],
      ],
    );
    const calls = await show('calls');
    assert.equal(
      calls.rows.map((row) => [row['uuid'], row['b_uuid'], row['b_state']]),
      [
        ['a', 'b', 'CS_EXCHANGE_MEDIA'],
        ['c', '', ''],
      ],
    );
    assert.is((await show('bridged_calls')).row_count, 1);
    assert.equal(Object.keys(calls.rows[0]!), CALL_COLUMNS);
    assert.match(
      await api(esl, 'show bridged_calls'),
      /^uuid,direction,created,[^\n]*,call_created_epoch\na,inbound,[^\n]*\n\n1 total\.\n$/,
    );
  }));

/** As a FreeSWITCH 1.11.2 orders them. */
const CALL_COLUMNS =
  'uuid,direction,created,created_epoch,name,state,cid_name,cid_num,ip_addr,dest,presence_id,presence_data,accountcode,callstate,callee_name,callee_num,callee_direction,call_uuid,hostname,sent_callee_name,sent_callee_num,b_uuid,b_direction,b_created,b_created_epoch,b_name,b_state,b_cid_name,b_cid_num,b_ip_addr,b_dest,b_presence_id,b_presence_data,b_accountcode,b_callstate,b_callee_name,b_callee_num,b_callee_direction,b_sent_callee_name,b_sent_callee_num,call_created_epoch'.split(
    ',',
  );

test('replies to what is wrong', () =>
  withSwitch({}, async ({ client, call, ticks }) => {
    const esl = await client();
    const { channel } = call({ uuid: 'a' });
    await ticks(2);
    for (const [line, reply] of [
      ['uuid_hold', '-USAGE: [off|toggle] <uuid> [<display>]\n-ERR Operation failed\n'],
      ['uuid_hold nosuch', '+OK Success\n'],
      ['uuid_recv_dtmf a', '-USAGE: <uuid> <dtmf_data>\n'],
      ['uuid_recv_dtmf nosuch 1', '-ERR Cannot locate session!\n'],
      ['uuid_setvar_multi a x=1;y=2', '+OK\n'],
      ['uuid_setvar_multi nosuch x=1', '-ERR No such channel!\n-USAGE: <uuid> <var>=<value>;<var>=<value>...\n'],
      ['uuid_setvar a', '-USAGE: <uuid> <var> [value]\n'],
      ['uuid_displace a', '-USAGE: <uuid> [start|stop] <path> [<limit>] [mux]\n'],
      ['uuid_bridge a nosuch', '-ERR Invalid uuid\n'],
      ['uuid_broadcast nosuch x', '-ERR invalid uuid\n'],
      ['uuid_buglist a', '<media-bugs>\n</media-bugs>\n'],
      ['originate sofia/internal/nonsense &park', '-ERR NORMAL_TEMPORARY_FAILURE\n'],
    ] as const) {
      assert.is(await api(esl, line), reply, line);
    }
    await api(esl, 'uuid_hold toggle a');
    assert.ok(channel.held);
    await api(esl, 'uuid_hold toggle a');
    assert.is(channel.held, false);
  }));

test('two extensions of the switch call each other by bridge', () =>
  withSwitch(
    { phoneAt: (dialString) => (dialString === 'user/1002' ? other : null) },
    async ({ client, call, ticks }) => {
      const esl = await client();
      const { channel, phone } = call();
      other.says = -5000;
      await api(esl, `uuid_transfer ${channel.uuid} bridge:user/1002 inline`);
      await ticks(10);
      assert.ok(channel.bridged);
      assert.ok(phone.sounds.at(-1)![0]! < -4800);
      assert.ok(other.sounds.at(-1)![0]! > 900);
      phone.hungUp = true;
      await ticks(2);
      assert.is(other.endedWith, 16);
      const lost = call().channel;
      await api(esl, `uuid_transfer ${lost.uuid} bridge:user/nobody inline`);
      await ticks(3);
      assert.is(lost.hangupCause, 806, 'USER_NOT_REGISTERED');
    },
  ));

const other = new TestPhone();

test('uuid_displace: instead of what the phone hears, or with it', () =>
  withSwitch({}, async ({ client, simulated, ticks }) => {
    const esl = await client();
    const phone = new TestPhone();
    const far = new TestPhone();
    far.says = 3000;
    simulated.createBridgedCall({ phone, uuid: 'a', codec: 'L16' }, { phone: far, codec: 'L16' });
    await ticks(5);
    const mean = (): number => {
      const frames = phone.sounds.slice(-5);
      return Math.round(
        frames.reduce((sum, frame) => sum + frame.reduce((a, b) => a + b, 0) / frame.length, 0) / frames.length,
      );
    };
    assert.is(mean(), 3000);
    const path = 'tone_stream://%(10000,0,500)';
    assert.is(await api(esl, `uuid_displace a start ${path} 0 mux`), '+OK Success\n');
    await ticks(6);
    assert.is(mean(), 3000, 'a tone has no mean of its own');
    assert.ok(Math.max(...phone.sounds.at(-1)!) > 10_000);
    assert.is(await api(esl, `uuid_displace a stop ${path}`), '+OK Success\n');
    assert.is(await api(esl, `uuid_displace a start ${path}`), '+OK Success\n');
    await ticks(6);
    assert.ok(Math.abs(mean()) < 50, 'nothing of the other party');
    assert.is(await api(esl, 'uuid_displace a start /nosuch.wav'), '-ERR Cannot displace session!\n');
  }));

/** The last JSON event in a client's bytes. */
function lastJson(text: string): Record<string, string> {
  const at = text.lastIndexOf('\n\n{');
  return JSON.parse(text.slice(at + 2, text.lastIndexOf('}') + 1)) as Record<string, string>;
}

test.run();

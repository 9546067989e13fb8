/** The demo's default switch: the simulated FreeSWITCH in this process, told to start a voice by a command at the front door. */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { SimulatedSwitch } from '../../simulator/simulated-switch.ts';
import { askFrontDoor } from '../ctl.ts';
import type { DemoSwitch } from './demo-switch.ts';

/** `password` is the one of its Event Socket and of the front door. @throws ERR_TALKSPURT_LISTEN */
export async function openEmbeddedSwitch(
  clock: Clock,
  password: string,
  onStep: (line: string) => void,
): Promise<DemoSwitch> {
  const phoneSwitch = new SimulatedSwitch({ clock, password });
  await phoneSwitch.listen();
  onStep(`a FreeSWITCH-style switch listens on 127.0.0.1:${phoneSwitch.port}`);
  return {
    label: 'the embedded switch',
    config: {
      sip: { port: 0 },
      switches: [{ name: 'demo', kind: 'freeswitch', host: '127.0.0.1', port: phoneSwitch.port }],
    },
    async call(phone, { frontDoorPort }) {
      const channel = phoneSwitch.createCall({ phone, codec: 'PCMU', from: '1001', to: '5000' });
      const line = `uuid_audio_stream ${channel.uuid} start demo`;
      onStep(`fs_cli> ${line.replace(channel.uuid, `${channel.uuid.slice(0, 8)}…`)}`);
      const reply = await askFrontDoor({ host: '127.0.0.1', port: frontDoorPort, password, line });
      onStep(reply.trim());
      if (!reply.startsWith('+OK'))
        throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', `the call could not be started: ${reply.trim()}`);
      return { channelId: channel.uuid, hangup: () => channel.hangup(16) };
    },
    close: () => phoneSwitch.close(),
  };
}

// A backend's append message, straight from a frame; and the frame of one.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const builder = dsp.messageBuilder();
const text = new TextDecoder().decode(builder.process(Uint8Array.of(255, 254, 253)));
const base64 = dsp.base64();
console.log(text, base64.decode(JSON.parse(text).audio).join(' '));
builder.close();
base64.close();

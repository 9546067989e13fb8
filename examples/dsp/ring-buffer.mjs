// Frames of 20 ms in, hops of 10 ms out.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const ring = dsp.ringBuffer({ capacity: 256 });
const hop = new Int16Array(80);
ring.write(new Int16Array(160));
let hops = 0;
while (ring.waiting >= hop.length) hops += Math.sign(ring.read(hop));
console.log('hops', hops);
ring.close();

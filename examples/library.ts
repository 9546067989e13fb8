import { loadConfig, startRuntime } from 'talkspurt';

const text = `
switches: [{ name: local, kind: freeswitch, host: 127.0.0.1, port: 8021 }]
backends: { voice: { kind: embedded } }
profiles: { reception: { backend: voice, greeting: Say hello. } }`;
const runtime = await startRuntime(loadConfig({ text, env: process.env }), { quiet: true });
const call = await runtime.gateway.startCall(process.argv[2] ?? '', 'reception');
console.log('talking:', call.snapshot().transport, '– ended:', (await call.ended).reason);
await runtime.close();

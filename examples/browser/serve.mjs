// Serves the page of this folder, and of the package what it loads, on this machine alone:
//   node examples/browser/serve.mjs [port]     then open the address that it prints
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
/** Where paths lead; nothing else of the machine is served. */
const FOLDERS = {
  '/examples/browser/': here,
  '/build/': join(root, 'build'),
  '/loader/': dirname(fileURLToPath(import.meta.resolve('@assemblyscript/loader'))),
};
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

const port = Number(process.argv[2] ?? 8080);
const server = createServer((request, response) => void answer(request, response));
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
server.listen(port, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}/\n`);
});

async function answer(request, response) {
  // A page with these two has a clock of 5 µs in place of 100.
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-embedder-policy', 'require-corp');
  response.setHeader('x-content-type-options', 'nosniff');
  try {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname === '/') return response.writeHead(302, { location: '/examples/browser/index.html' }).end();
    const file = request.method === 'GET' ? fileOf(decodeURIComponent(pathname)) : null;
    const type = TYPES[extname(file ?? '')];
    if (file === null || type === undefined) return response.writeHead(404).end();
    const body = await readFile(file);
    return response.writeHead(200, { 'content-type': type }).end(body);
  } catch (error) {
    const missing = error.code === 'ENOENT' || error.code === 'EISDIR' || error instanceof URIError;
    return response.writeHead(missing ? 404 : 500).end();
  }
}

function fileOf(path) {
  const prefix = Object.keys(FOLDERS).find((each) => path.startsWith(each));
  if (prefix === undefined) return null;
  const file = join(FOLDERS[prefix], path.slice(prefix.length));
  return file.startsWith(FOLDERS[prefix] + sep) && !file.includes('\0') ? file : null;
}

/** What a client made of api-docs (`ari-client`) wants to read: the shapes of Asterisk's, of the few operations that tests use. */

const parameter = (name: string, paramType: 'path' | 'query' | 'body'): unknown => ({
  name,
  description: name,
  paramType,
  required: paramType === 'path',
  allowMultiple: false,
  dataType: paramType === 'body' ? 'containers' : 'string',
});

const operation = (httpMethod: string, nickname: string, responseClass: string, parameters: unknown[]): unknown => ({
  httpMethod,
  summary: nickname,
  nickname,
  responseClass,
  parameters,
});

const ofChannel = parameter('channelId', 'path');
const originate = ['endpoint', 'app', 'channelId', 'formats'].map((name) => parameter(name, 'query'));

const DOCS: Readonly<Record<string, { apis: unknown[]; models: Record<string, Record<string, string>> }>> = {
  asterisk: {
    apis: [
      { path: '/asterisk/info', operations: [operation('GET', 'getInfo', 'void', [parameter('only', 'query')])] },
      { path: '/asterisk/ping', operations: [operation('GET', 'ping', 'void', [])] },
    ],
    models: {},
  },
  applications: {
    apis: [
      {
        path: '/applications/{applicationName}',
        operations: [operation('GET', 'get', 'void', [parameter('applicationName', 'path')])],
      },
    ],
    models: {},
  },
  channels: {
    apis: [
      {
        path: '/channels',
        operations: [
          operation('GET', 'list', 'List[Channel]', []),
          operation('POST', 'originate', 'Channel', [...originate, parameter('variables', 'body')]),
        ],
      },
      { path: '/channels/create', operations: [operation('POST', 'create', 'Channel', originate)] },
      {
        path: '/channels/{channelId}',
        operations: [
          operation('GET', 'get', 'Channel', [ofChannel]),
          operation('DELETE', 'hangup', 'void', [ofChannel, parameter('reason', 'query')]),
        ],
      },
      { path: '/channels/{channelId}/answer', operations: [operation('POST', 'answer', 'void', [ofChannel])] },
    ],
    models: { Channel: { id: 'string', name: 'string', state: 'string' } },
  },
  events: {
    apis: [
      {
        path: '/events/user/{eventName}',
        operations: [
          operation('POST', 'userEvent', 'void', [parameter('eventName', 'path'), parameter('application', 'query')]),
        ],
      },
    ],
    models: {
      ApplicationReplaced: {},
      StasisStart: { channel: 'Channel', args: 'List[string]' },
      StasisEnd: { channel: 'Channel' },
      ChannelUserevent: { eventname: 'string', userevent: 'object' },
      ChannelVarset: { variable: 'string', value: 'string', channel: 'Channel' },
    },
  },
};

/** One file below `api-docs/`, as an Asterisk at `host` gives it; undefined where it has none. */
export function apiDocs(file: string, host: string): unknown {
  const head = { apiVersion: '2.0.0', swaggerVersion: '1.1', basePath: `http://${host}/ari` };
  if (file === 'resources.json') {
    const apis = Object.keys(DOCS).map((name) => ({ path: `/api-docs/${name}.{format}`, description: name }));
    return { ...head, apis };
  }
  const name = file.replace(/\.json$/, '');
  const docs = DOCS[name];
  if (docs === undefined) return undefined;
  const models = Object.entries(docs.models).map(([id, properties]) => [
    id,
    {
      id,
      description: id,
      properties: Object.fromEntries(
        Object.entries(properties).map(([field, type]) => [field, { required: false, type, description: field }]),
      ),
    },
  ]);
  return { ...head, resourcePath: `/api-docs/${name}.{format}`, apis: docs.apis, models: Object.fromEntries(models) };
}

// Owns: the SDKs that import `ws`. heartwire/ws replaces it.
import { decode, encode } from './protobuf.mjs'

const surface = 'heartwire/ws'
const json = (peer, value) => peer.send(JSON.stringify(value))
const onJson = (peer, act) => peer.on('message', (data) => act(JSON.parse(data.toString())))
const ONCE = 'the library does not reconnect'
export const never = { 'refused upgrade, then reconnect': ONCE, 'drop and reconnect': ONCE, 'kick and reconnect': ONCE }

const gateway = (_, __, url) => ({
  url,
  shards: 1,
  session_start_limit: { total: 1000, remaining: 1000, reset_after: 0, max_concurrency: 1 },
})

/** Discord's gateway: hello, identify or resume, presence updates. */
function serveDiscord(peer, { ready, acked, server }) {
  json(peer, { op: 10, d: { heartbeat_interval: 45_000 } })
  onJson(peer, ({ op }) => {
    const user = { id: '1', username: 'bot', discriminator: '0', avatar: null, bot: true }
    if (op === 1) json(peer, { op: 11 })
    else if (op === 3) acked()
    else if (op === 2) {
      const d = { v: 10, user, guilds: [], session_id: 's', resume_gateway_url: server.url, application: { id: '1', flags: 0 }, shard: [0, 1] }
      json(peer, { op: 0, t: 'READY', s: 1, d })
      ready()
    } else if (op === 6) {
      json(peer, { op: 0, t: 'RESUMED', s: 2, d: {} })
      ready()
    }
  })
}
const pushDiscord = (peer) => json(peer, { op: 0, t: 'TYPING_START', s: 3, d: { channel_id: '1', user_id: '1', timestamp: 1 } })
const presence = { op: 3, d: { since: null, activities: [], status: 'online', afk: false } }

export const bots = {
  '@discordjs/ws': {
    surface,
    async start({ url, say }) {
      const { WebSocketManager, WebSocketShardEvents } = await import('@discordjs/ws')
      const fetchGatewayInformation = async () => gateway(null, null, url)
      const manager = new WebSocketManager({ token: 'token', intents: 0, rest: { get: fetchGatewayInformation }, fetchGatewayInformation })
      for (const event of [WebSocketShardEvents.Error, WebSocketShardEvents.SocketError]) manager.on(event, (error) => say('error', String(error)))
      manager.on(WebSocketShardEvents.Dispatch, ({ data = {} }) => data.t === 'TYPING_START' && manager.send(0, presence))
      manager.on(WebSocketShardEvents.Dispatch, (payload) => payload.t === 'TYPING_START' && manager.send(0, presence))
      await manager.connect()
      return () => manager.destroy()
    },
    serve: serveDiscord,
    push: pushDiscord,
  },
  'discord.js': {
    surface,
    http: gateway,
    async start({ http, say }) {
      const { Client } = await import('discord.js')
      const client = new Client({ intents: [], rest: { api: http } })
      client.on('error', (error) => say('error', String(error)))
      client.on('shardError', (error) => say('error', String(error)))
      client.on('raw', ({ t }) => t === 'TYPING_START' && client.user.setStatus('online'))
      await client.login('t.t.t')
      return () => client.destroy()
    },
    serve: serveDiscord,
    push: pushDiscord,
  },
  '@slack/socket-mode': {
    surface,
    http: (_, __, url) => ({ ok: true, url }),
    async start({ http, say }) {
      const { default: slack } = await import('@slack/socket-mode')
      const client = new slack.SocketModeClient({ appToken: 'xapp-1', clientOptions: { slackApiUrl: `${http}/` } })
      client.on('error', (error) => say('error', String(error)))
      client.on('message', ({ ack }) => ack())
      await client.start()
      return () => client.disconnect()
    },
    serve(peer, { ready, acked }) {
      json(peer, { type: 'hello', num_connections: 1, connection_info: { app_id: 'A' }, debug_info: {} })
      onJson(peer, ({ envelope_id: id }) => id && acked())
      ready()
    },
    push: (peer) =>
      json(peer, { envelope_id: 'e1', type: 'events_api', accepts_response_payload: false, payload: { event: { type: 'message', text: 'hi' } } }),
  },
  'dingtalk-stream': {
    surface,
    without: { 'refused upgrade, then reconnect': 'a refused upgrade ends the program, on ws too' },
    http: (_, __, url) => ({ endpoint: url, ticket: 't', access_token: 'a', errcode: 0 }),
    async start({ http }) {
      const { default: axios } = await import('axios')
      axios.interceptors.request.use((config) => ({ ...config, url: config.url.replace(/^https:\/\/[^/]*/, http), proxy: false }))
      const { DWClient } = await import('dingtalk-stream')
      const client = new DWClient({ clientId: 'id', clientSecret: 'secret', keepAlive: false })
      client.registerCallbackListener('/v1.0/im/bot/messages/get', ({ headers }) => client.send(headers.messageId, { status: 'SUCCESS' }))
      await client.connect()
      return () => client.disconnect()
    },
    serve(peer, { ready, acked }) {
      onJson(peer, () => acked())
      ready()
    },
    push: (peer) =>
      json(peer, {
        type: 'CALLBACK',
        headers: { topic: '/v1.0/im/bot/messages/get', messageId: 'm1', contentType: 'application/json' },
        data: '{"text":{}}',
      }),
  },
  '@larksuiteoapi/node-sdk': {
    surface,
    http: (_, __, url) => ({
      code: 0,
      data: {
        URL: `${url}/?device_id=1&service_id=1`,
        ClientConfig: { PingInterval: 120, ReconnectCount: -1, ReconnectInterval: 1, ReconnectNonce: 0 },
      },
    }),
    async start({ http }) {
      const { default: lark } = await import('@larksuiteoapi/node-sdk')
      const client = new lark.WSClient({ appId: 'cli_0123456789abcdef', appSecret: 'secret', domain: http, loggerLevel: lark.LoggerLevel.warn })
      await client.start({ eventDispatcher: new lark.EventDispatcher({}).register({ 'im.message.receive_v1': () => {} }) })
      return () => client.close()
    },
    serve(peer, { ready, acked }) {
      // The answer to an event is a frame of the method 1.
      peer.on('message', (data) => {
        if (decode(data).get(4) !== 1) return
        clearInterval(peer.again)
        acked()
      })
      peer.on('close', () => clearInterval(peer.again))
      ready()
    },
    push(peer) {
      const event = { schema: '2.0', header: { event_type: 'im.message.receive_v1', event_id: 'e' }, event: { message: {} } }
      const headers = { type: 'event', message_id: 'm', sum: '1', seq: '0', trace_id: 't' }
      const pairs = Object.entries(headers).map(([key, value]) => [
        5,
        encode([
          [1, key],
          [2, value],
        ]),
      ])
      const frame = encode([[1, 1], [2, 1], [3, 1], [4, 1], ...pairs, [8, JSON.stringify(event)]])
      // The SDK listens a moment after the connection is open, and loses earlier events: so the event is sent until it is answered.
      peer.again = setInterval(() => peer.send(frame), 200)
    },
  },
  '@wecom/aibot-node-sdk': {
    surface,
    async start({ url, say }) {
      const { default: sdk } = await import('@wecom/aibot-node-sdk')
      const client = new sdk.WSClient({ botId: 'b', secret: 's', wsUrl: url, reconnectInterval: 100 })
      client.on('error', (error) => say('error', String(error)))
      client.on('message.text', (frame) => client.replyStream(frame, 'stream', 'hello', true))
      client.connect()
      return () => client.disconnect()
    },
    serve(peer, { ready, acked }) {
      onJson(peer, ({ cmd, headers }) => {
        json(peer, { headers, errcode: 0, errmsg: 'ok' })
        if (cmd === 'aibot_subscribe') ready()
        else if (cmd === 'aibot_respond_msg') acked()
      })
    },
    push(peer) {
      const body = { msgid: 'm', aibotid: 'b', chattype: 'single', from: { userid: 'u' }, msgtype: 'text', text: { content: 'hi' } }
      json(peer, { cmd: 'aibot_msg_callback', headers: { req_id: 'r' }, body })
    },
  },
  openai: {
    surface,
    tls: true,
    without: never,
    async start({ http, say }) {
      const { default: OpenAI } = await import('openai')
      const { OpenAIRealtimeWS } = await import('openai/realtime/ws')
      const client = new OpenAI({ apiKey: 'key', baseURL: http })
      const realtime = new OpenAIRealtimeWS({ model: 'm', options: { rejectUnauthorized: false } }, client)
      realtime.on('error', (error) => say('error', String(error)))
      realtime.on('session.updated', () => realtime.send({ type: 'response.create' }))
      return () => realtime.close()
    },
    serve(peer, { ready, acked }) {
      json(peer, { type: 'session.created', event_id: '1', session: {} })
      onJson(peer, ({ type }) => type === 'response.create' && acked())
      ready()
    },
    push: (peer) => json(peer, { type: 'session.updated', event_id: '2', session: {} }),
  },
  '@google/genai': {
    surface,
    without: never,
    async start({ http, say }) {
      const { GoogleGenAI } = await import('@google/genai')
      const ai = new GoogleGenAI({ apiKey: 'key', httpOptions: { baseUrl: http } })
      const onmessage = async ({ serverContent }) => serverContent && (await connecting).sendClientContent({ turns: 'hello' })
      const connecting = ai.live.connect({ model: 'm', callbacks: { onmessage, onerror: (error) => say('error', error.message) } })
      const session = await connecting
      return () => session.close()
    },
    serve(peer, { ready, acked }) {
      onJson(peer, ({ setup, clientContent }) => {
        if (clientContent) acked()
        if (!setup) return
        json(peer, { setupComplete: {} })
        ready()
      })
    },
    push: (peer) => json(peer, { serverContent: { turnComplete: true } }),
  },
  'puppeteer-core': {
    surface,
    without: never,
    async start({ url }) {
      const { default: puppeteer } = await import('puppeteer-core')
      const browser = await puppeteer.connect({ browserWSEndpoint: url })
      browser.on('targetdiscovered', () => browser.userAgent())
      await browser.version()
      return () => browser.disconnect()
    },
    serve(peer, { ready, acked }) {
      let asked = 0
      onJson(peer, ({ id, method }) => {
        const info = { protocolVersion: '1.3', product: 'Chrome/1', revision: '1', userAgent: 'x', jsVersion: '1' }
        json(peer, { id, result: method === 'Browser.getVersion' ? info : { browserContextIds: [] } })
        if (method !== 'Browser.getVersion') return
        asked++
        if (peer.isPushed) acked()
        else if (asked === 1) ready()
      })
    },
    push(peer) {
      peer.isPushed = true
      const targetInfo = { targetId: 't', type: 'browser', title: '', url: '', attached: false, canAccessOpener: false, browserContextId: '' }
      json(peer, { method: 'Target.targetCreated', params: { targetInfo } })
    },
  },
}

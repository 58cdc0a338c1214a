// Owns: the libraries that take a class, and those that take `ws` or a global. On Heartwire the first get its WebSocket, the others heartwire/ws.
import mqttPacket from 'mqtt-packet'
import { never } from './bots.mjs'

const surface = 'WebSocket'
const json = (peer, value) => peer.send(JSON.stringify(value))
const onJson = (peer, act) => peer.on('message', (data) => act(JSON.parse(data.toString())))

/** A server whose every message is answered with `ack`. */
const plain = {
  serve(peer, { ready, acked }) {
    peer.on('message', (data) => data.toString() === 'ack' && acked())
    ready()
  },
  push: (peer) => peer.send('hello'),
}

/** A socket that answers. */
function answer(socket) {
  socket.addEventListener('message', () => socket.send('ack'))
  socket.addEventListener('error', () => {})
  return () => socket.close(1000)
}

/** Phoenix's channels: every request gets its reply. */
function servePhoenix(read, write) {
  return (peer, { ready, acked }) => {
    onJson(peer, (message) => {
      const { topic, event, ref, joinRef } = read(message)
      json(peer, write({ topic, event: 'phx_reply', ref, joinRef, payload: { status: 'ok', response: {} } }))
      if (event === 'phx_join') {
        peer.joinRef = joinRef
        ready()
      } else if (event === 'ack') acked()
    })
  }
}
const asList = ({ joinRef = null, ref = null, topic, event, payload }) => [joinRef, ref, topic, event, payload]

/** JSON-RPC: a subscription, and the answer to its notification. */
function serveRpc(peer, { ready, acked }) {
  onJson(peer, ({ id, method }) => {
    const results = { eth_chainId: '0x1', net_version: '1', eth_blockNumber: '0x1', eth_subscribe: '0xabc', 'rpc.on': { news: 'ok' } }
    json(peer, { jsonrpc: '2.0', id, result: results[method] ?? 'ok' })
    if (['eth_subscribe', 'rpc.on'].includes(method)) ready()
    else if (['eth_gasPrice', 'ack'].includes(method)) acked()
  })
}
const head = { number: '0x2', hash: `0x${'1'.repeat(64)}`, parentHash: `0x${'0'.repeat(64)}` }
const pushHead = (peer) => json(peer, { jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: '0xabc', result: head } })

export const classes = {
  'reconnecting-websocket': {
    surface,
    ...plain,
    async start({ url, WebSocket }) {
      const { default: Reconnecting } = await import('reconnecting-websocket')
      const Class = Reconnecting.default ?? Reconnecting
      return answer(new Class(url, [], { WebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 200 }))
    },
  },
  partysocket: {
    surface,
    ...plain,
    async start({ url, WebSocket }) {
      const { default: Reconnecting } = await import('partysocket/ws')
      return answer(new Reconnecting(url, [], { WebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 200 }))
    },
  },
  '@nktkas/rews': {
    surface,
    ...plain,
    async start({ url, WebSocket }) {
      const { ReconnectingWebSocket } = await import('@nktkas/rews')
      return answer(new ReconnectingWebSocket(url, { WebSocket, maxRetries: 50, reconnectionDelay: 50 }))
    },
  },
  'isomorphic-ws': {
    surface: 'heartwire/ws',
    ...plain,
    without: never,
    async start({ url, require }) {
      const Class = require('isomorphic-ws')
      return answer(new Class(url))
    },
  },
  'graphql-ws': {
    surface,
    async start({ url, WebSocket }) {
      const { createClient } = await import('graphql-ws')
      const client = createClient({
        url,
        webSocketImpl: WebSocket,
        retryAttempts: 100,
        retryWait: () => new Promise((done) => setTimeout(done, 50)),
        shouldRetry: () => true,
      })
      const run = (query, next = () => {}) => client.subscribe({ query }, { next, error() {}, complete() {} })
      run('subscription { news }', () => run('{ ack }'))
      return () => client.dispose()
    },
    serve(peer, { ready, acked }) {
      onJson(peer, ({ type, id, payload }) => {
        if (type === 'connection_init') json(peer, { type: 'connection_ack' })
        else if (type === 'subscribe' && payload.query.startsWith('subscription')) {
          peer.subscription = id
          ready()
        } else if (type === 'subscribe') {
          json(peer, { type: 'complete', id })
          acked()
        }
      })
    },
    push: (peer) => json(peer, { type: 'next', id: peer.subscription, payload: { data: { news: 1 } } }),
  },
  centrifuge: {
    surface,
    async start({ url, WebSocket }) {
      const { Centrifuge } = await import('centrifuge')
      const client = new Centrifuge(url, { websocket: WebSocket, minReconnectDelay: 50, maxReconnectDelay: 200 })
      client.on('error', () => {})
      client.on('message', () => client.send({ ack: true }))
      client.connect()
      return () => client.disconnect()
    },
    serve(peer, { ready, acked }) {
      peer.on('message', (data) => {
        for (const line of data.toString().split('\n').filter(Boolean)) {
          const { id, connect, send } = JSON.parse(line)
          if (send) acked()
          if (!connect) continue
          json(peer, { id, connect: { client: 'c', version: '1' } })
          ready()
        }
      })
    },
    push: (peer) => json(peer, { push: { message: { data: { hello: 1 } } } }),
  },
  phoenix: {
    surface,
    async start({ url, WebSocket }) {
      const { Socket } = await import('phoenix')
      const socket = new Socket(url, { transport: WebSocket, reconnectAfterMs: () => 50, rejoinAfterMs: () => 50 })
      socket.connect()
      const channel = socket.channel('room', {})
      channel.on('news', () => channel.push('ack', {}))
      channel.join()
      return () => socket.disconnect()
    },
    serve: servePhoenix(([joinRef, ref, topic, event]) => ({ joinRef, ref, topic, event }), asList),
    push: (peer) => json(peer, asList({ topic: 'room', event: 'news', joinRef: peer.joinRef, payload: {} })),
  },
  '@supabase/realtime-js': {
    surface,
    async start({ url, WebSocket }) {
      const { RealtimeClient } = await import('@supabase/realtime-js')
      const client = new RealtimeClient(url, { transport: WebSocket, params: { apikey: 'key' }, vsn: '1.0.0', reconnectAfterMs: () => 50 })
      const channel = client.channel('room')
      channel.on('broadcast', { event: 'news' }, () => channel.send({ type: 'broadcast', event: 'ack', payload: {} }))
      channel.subscribe()
      return () => client.disconnect()
    },
    serve(peer, { ready, acked }) {
      onJson(peer, ({ topic, event, ref, join_ref }) => {
        json(peer, { topic, event: 'phx_reply', ref, join_ref, payload: { status: 'ok', response: { postgres_changes: [] } } })
        if (event === 'phx_join') ready()
        else if (event === 'broadcast') acked()
      })
    },
    push: (peer) => json(peer, { topic: 'realtime:room', event: 'broadcast', ref: null, payload: { type: 'broadcast', event: 'news', payload: {} } }),
  },
  'y-websocket': {
    surface,
    async start({ url, WebSocket }) {
      const { WebsocketProvider } = await import('y-websocket')
      const { Doc } = await import('yjs')
      const doc = new Doc()
      const provider = new WebsocketProvider(url, 'room', doc, { WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 200 })
      return () => provider.destroy()
    },
    serve(peer, { ready, acked }) {
      // Sync step 1 is 0 0 …; our own step 1 is answered with step 2, 0 1 ….
      peer.on('message', ([kind, step]) => {
        if (kind === 0 && step === 0) ready()
        else if (kind === 0 && step === 1) acked()
      })
    },
    push: (peer) => peer.send(Buffer.from([0, 0, 1, 0])),
  },
  ethers: {
    surface: 'heartwire/ws',
    without: never,
    async start({ url }) {
      const { WebSocketProvider } = await import('ethers')
      const provider = new WebSocketProvider(url, 1)
      await provider.on('block', () => provider.send('eth_gasPrice', []))
      return () => provider.destroy()
    },
    serve: serveRpc,
    push: pushHead,
  },
  viem: {
    surface: 'heartwire/ws',
    without: { 'refused upgrade, then reconnect': 'it gives up after a refused upgrade, on ws too' },
    async start({ url }) {
      const { createPublicClient, webSocket } = await import('viem')
      const transport = webSocket(url, { reconnect: { delay: 50, attempts: 100 }, keepAlive: false })
      const client = createPublicClient({ transport })
      const { transport: opened } = client
      await opened.subscribe({ params: ['newHeads'], onData: () => client.request({ method: 'eth_gasPrice' }), onError() {} })
      return async () => (await opened.getRpcClient()).close()
    },
    serve: serveRpc,
    push: pushHead,
  },
  'rpc-websockets': {
    surface: 'heartwire/ws',
    async start({ url }) {
      const { Client } = await import('rpc-websockets')
      const client = new Client(url, { reconnect: true, reconnect_interval: 50, max_reconnects: 0 })
      client.on('error', () => {})
      client.on('open', () => client.subscribe('news'))
      client.on('news', () => client.call('ack'))
      return () => client.close(1000)
    },
    serve: serveRpc,
    push: (peer) => json(peer, { notification: 'news', params: [1] }),
  },
  'tmi.js': {
    surface: 'heartwire/ws',
    async start({ url }) {
      const { default: tmi } = await import('tmi.js')
      const { hostname: server, port } = new URL(url)
      const connection = { server, port: Number(port), secure: false, reconnect: true, reconnectInterval: 1000, maxReconnectInverval: 1000 }
      const client = new tmi.Client({
        options: { skipUpdatingEmotesets: true, skipMembership: true },
        connection,
        identity: { username: 'bot', password: 'oauth:x' },
      })
      client.on('message', (_channel, _, __, isOwn) => !isOwn && client.raw('WHO #x'))
      client.connect().catch(() => {})
      return () => client.disconnect()
    },
    serve(peer, { ready, acked }) {
      peer.on('message', (data) => {
        const line = data.toString()
        if (line.startsWith('NICK')) {
          for (const code of ['001', '002', '003', '004', '375', '372', '376']) peer.send(`:tmi.twitch.tv ${code} bot :-\r\n`)
          ready()
        } else if (line.startsWith('WHO')) acked()
        else if (line.startsWith('PING')) peer.send('PONG :tmi.twitch.tv\r\n')
      })
    },
    push: (peer) => peer.send('@user-id=1 :a!a@a.tmi.twitch.tv PRIVMSG #x :hello\r\n'),
  },
  mqtt: {
    surface: 'heartwire/ws',
    async start({ url }) {
      const { default: mqtt } = await import('mqtt')
      const client = mqtt.connect(url, { reconnectPeriod: 100, keepalive: 60, protocolVersion: 4 })
      client.on('error', () => {})
      client.on('message', () => client.publish('ack', 'x'))
      client.subscribe('news')
      return () => client.endAsync()
    },
    serve(peer, { ready, acked }) {
      // A packet may span several messages.
      const parser = mqttPacket.parser()
      peer.on('message', (data) => parser.parse(data))
      parser.on('packet', ({ cmd, messageId }) => {
        if (cmd === 'connect') peer.send(Buffer.from([0x20, 2, 0, 0]))
        else if (cmd === 'subscribe') {
          peer.send(Buffer.from([0x90, 3, messageId >> 8, messageId & 255, 0]))
          ready()
        } else if (cmd === 'publish') acked()
        else if (cmd === 'pingreq') peer.send(Buffer.from([0xd0, 0]))
      })
    },
    push: (peer) => peer.send(Buffer.from([0x30, 7, 0, 4, ...Buffer.from('newsx')])),
  },
  'socket.io-client': {
    surface: 'heartwire/ws',
    async start({ http }) {
      const { io } = await import('socket.io-client')
      const socket = io(http, { transports: ['websocket'], reconnectionDelay: 50, reconnectionDelayMax: 200 })
      socket.on('news', () => socket.emit('ack'))
      return () => socket.disconnect()
    },
    serve(peer, { ready, acked }) {
      peer.send('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000,"maxPayload":1000000}')
      peer.on('message', (data) => {
        const text = data.toString()
        if (text.startsWith('40')) {
          peer.send('40{"sid":"t"}')
          ready()
        } else if (text.startsWith('42')) acked()
      })
    },
    push: (peer) => peer.send('42["news"]'),
  },
  '@trpc/client': {
    surface,
    async start({ url, WebSocket }) {
      const { createTRPCClient, createWSClient, wsLink } = await import('@trpc/client')
      const socket = createWSClient({ url, WebSocket, retryDelayMs: () => 50 })
      const client = createTRPCClient({ links: [wsLink({ client: socket })] })
      client.news.subscribe(undefined, { onData: () => client.ack.query(), onError() {} })
      return () => socket.close()
    },
    serve(peer, { ready, acked }) {
      peer.on('message', (data) => {
        const text = data.toString()
        if (text === 'PING') return peer.send('PONG')
        for (const { id, method, params } of [JSON.parse(text)].flat()) {
          if (method === 'subscription') {
            peer.subscription = id
            json(peer, { id, result: { type: 'started' } })
            ready()
          } else if (method === 'query' && params.path === 'ack') {
            json(peer, { id, result: { type: 'data', data: 1 } })
            acked()
          }
        }
      })
    },
    push: (peer) => json(peer, { id: peer.subscription, result: { type: 'data', data: 1 } }),
  },
}

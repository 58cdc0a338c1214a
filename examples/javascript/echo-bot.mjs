// An echo bot: somebody says "echo hello", it says "hello".
// Start the chat server (`cargo run -p heartwire-chat-server`), then: node echo-bot.mjs [URL]

import { WebSocket } from 'heartwire'

const url = process.argv[2] ?? process.env.CHAT_URL ?? 'ws://127.0.0.1:9605/ws'
const interval = 1000 * Number(process.env.CHAT_HEARTBEAT ?? 60)

const ws = new WebSocket(`${url}?name=node-echo`, {
  reconnect: true,
  heartbeat: {
    message: { url: '/chat/heart-beat' },
    interval,
    response: { url: '/chat/heart-beat' },
    timeout: 5_000,
  },
})

ws.onmessage = (event) => {
  const heard = JSON.parse(event.data)
  if (heard.url === '/chat/message' && heard.text.startsWith('echo ')) {
    ws.send(JSON.stringify({ url: '/chat/send', text: heard.text.slice('echo '.length) }))
  }
}

ws.onopen = () => console.log('open')
ws.onheartbeat = (event) => console.log('heartbeat', event.kind)
ws.onerror = (event) => console.log('error', event.error.message)
ws.onclose = (event) => console.log('close', event.code, event.reason, event.willReconnect ? '- will come back' : '')
ws.onreconnecting = (event) => console.log(`reconnecting in ${(event.delay / 1000).toFixed(1)} s, attempt ${event.attempt}`)

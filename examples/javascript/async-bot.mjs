// An async bot: it welcomes each newcomer, one message after the other.
// Start the chat server (`cargo run -p heartwire-chat-server`), then: node async-bot.mjs [URL]

import { WebSocket } from 'heartwire'

const url = process.argv[2] ?? process.env.CHAT_URL ?? 'ws://127.0.0.1:9605/ws'

const ws = new WebSocket(`${url}?name=node-greeter`, {
  heartbeat: { message: '{"url":"/chat/heart-beat"}', interval: 60_000 },
})

await ws.opened
console.log('open')

for await (const event of ws) {
  const heard = JSON.parse(event.data)
  if (heard.url === '/chat/join') {
    ws.send(JSON.stringify({ url: '/chat/send', text: `Welcome, ${heard.name}!` }))
  }
}

const { code, reason } = await ws.closed
console.log('close', code, reason)

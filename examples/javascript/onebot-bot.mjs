// A OneBot v11 bot over a forward WebSocket (NapCat, go-cqhttp and others): somebody writes "ping", it answers "pong".
// Usage: ONEBOT_TOKEN=... node onebot-bot.mjs [URL]

import { WebSocket } from 'heartwire'

const ws = new WebSocket(process.argv[2] ?? 'ws://127.0.0.1:3001', {
  headers: { Authorization: `Bearer ${process.env.ONEBOT_TOKEN}` },
  reconnect: true,
  request: { id: '/echo', error: { status: 'failed' }, timeout: 10_000 },
})

const me = await ws.request({ action: 'get_login_info' })
console.log('I am', me.data.nickname)

for await (const message of ws) {
  const event = message.json()
  if (event.post_type !== 'message' || event.raw_message !== 'ping') continue
  const { message_type, group_id, user_id } = event
  try {
    const sent = await ws.request({ action: 'send_msg', params: { message_type, group_id, user_id, message: 'pong' } })
    console.log('sent as', sent.data.message_id)
  } catch (error) {
    console.log('refused:', error.code, error.body ? JSON.parse(error.body).wording : '')
  }
}

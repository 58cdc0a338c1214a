// A Twitch EventSub bot: it prints the messages of a channel's chat. The server sets the interval of its keepalives, and asks for reconnections.
// Usage: TWITCH_CLIENT_ID=... TWITCH_TOKEN=... TWITCH_USER_ID=... node twitch-bot.mjs [WEBSOCKET API]

import { WebSocket } from 'heartwire'

const url = process.argv[2] ?? 'wss://eventsub.wss.twitch.tv/ws'
const api = process.argv[3] ?? 'https://api.twitch.tv'
const user = process.env.TWITCH_USER_ID
const headers = {
  'Client-Id': process.env.TWITCH_CLIENT_ID,
  Authorization: `Bearer ${process.env.TWITCH_TOKEN}`,
  'Content-Type': 'application/json',
}

const ws = new WebSocket(`${url}?keepalive_timeout_seconds=10`, {
  dataIdleTimeout: 15_000, // the server is silent for 10 s at most
  ready: { expect: { metadata: { message_type: 'session_welcome' } } },
  reconnect: { on: { metadata: { message_type: 'session_reconnect' } }, url: '/payload/session/reconnect_url', overlap: true },
})

let session // the session of the subscription; a reconnection that the server asks for keeps it

async function subscribe(id) {
  const body = {
    type: 'channel.chat.message',
    version: '1',
    condition: { broadcaster_user_id: user, user_id: user },
    transport: { method: 'websocket', session_id: id },
  }
  const response = await fetch(`${api}/helix/eventsub/subscriptions`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`Twitch refused the subscription: ${response.status}`)
  session = id
  console.log('subscribed')
}

ws.on('message', async (event) => {
  const { metadata, payload } = event.json()
  if (metadata.message_type === 'session_welcome' && payload.session.id !== session) {
    await subscribe(payload.session.id)
  } else if (metadata.message_type === 'notification') {
    console.log(`${payload.event.chatter_user_name}: ${payload.event.message.text}`)
  }
})

// A Slack bot in Socket Mode: it answers the slash command /echo. When Slack announces the end of a connection the next one is opened first.
// Usage: SLACK_APP_TOKEN=xapp-... node slack-bot.mjs [API]

import { WebSocket } from 'heartwire'

const api = process.argv[2] ?? 'https://slack.com/api'
const headers = { Authorization: `Bearer ${process.env.SLACK_APP_TOKEN}` }

/** Asks Slack for a URL, which is good for one connection. */
async function nextUrl() {
  const response = await fetch(`${api}/apps.connections.open`, { method: 'POST', headers })
  const { ok, error, url } = await response.json()
  if (!ok) throw new Error(error)
  return url
}

const ws = new WebSocket(nextUrl, {
  reconnect: { on: { type: 'disconnect' }, overlap: true },
  ready: { expect: { type: 'hello' } },
})

ws.on('message', (event) => {
  const { type, envelope_id, payload } = event.json()
  if (type === 'slash_commands') {
    ws.send(JSON.stringify({ envelope_id, payload: { text: `${payload.user_name} said: ${payload.text}` } }))
  } else if (envelope_id) {
    ws.send(JSON.stringify({ envelope_id }))
  }
})

ws.on('ready', () => console.log('ready'))

// A Discord gateway bot: it identifies, keeps its heartbeat, resumes its session, and stays within 120 messages a minute.
// When somebody writes "!busy" or "!free" it shows that as its status. Usage: DISCORD_TOKEN=... node discord-bot.ts [GATEWAY]

import { WebSocket } from 'heartwire'

type Session = { session_id: string; resume_gateway_url: string; seq: number | null }
type Details = Session & { heartbeat_interval: number; user: { username: string }; content: string }
type Payload = { op: number; d: Details; s: number | null; t: string | null }

const gateway = process.argv[2] ?? 'wss://gateway.discord.gg'
const token = process.env.DISCORD_TOKEN
const intents = (1 << 9) | (1 << 15) // messages in guilds, and their content
const statuses: Record<string, string> = { '!busy': 'dnd', '!free': 'online' }

let session: Session | undefined // the data for resuming on the next connection

const ws = new WebSocket(() => `${session?.resume_gateway_url ?? gateway}/?v=10&encoding=json`, {
  reconnect: { on: { op: 7 }, closeCode: 4000, fatalCloseCodes: [4004, 4010, 4011, 4012, 4013, 4014], maxAuthFailures: 1 },
  rateLimit: { messages: 120, per: 60_000 },
})

const say = (op: number, d: unknown, urgent = false) => ws.send(JSON.stringify({ op, d }), { urgent })

/** Answers HELLO: the heartbeat as the gateway wants it, then the login or the resumption. */
function greet(interval: number): void {
  const message = { op: 1, d: session?.seq ?? null }
  ws.setHeartbeat({ message, fill: { '/d': '/s' }, interval, jitter: 1, response: { op: 11 }, timeout: interval, closeCode: 4000 })
  if (session) say(6, { token, session_id: session.session_id, seq: session.seq }, true)
  else say(2, { token, intents, properties: { os: 'linux', browser: 'heartwire', device: 'heartwire' } }, true)
}

ws.onmessage = (event) => {
  const { op, d, s, t } = event.json<Payload>()
  if (session && s !== null) session.seq = s
  switch (op) {
    case 10:
      greet(d.heartbeat_interval)
      break
    case 1: // the gateway wants a heartbeat now
      say(1, session?.seq ?? null, true)
      break
    case 9: // the session is lost, unless the gateway says that it is not
      if (!d) session = undefined
      ws.reconnect({ code: 4000 })
      break
    case 0:
      if (t === 'READY') {
        session = { ...d, seq: s }
        console.log('ready as', d.user.username)
      } else if (t === 'MESSAGE_CREATE' && d.content in statuses) {
        say(3, { since: null, activities: [], status: statuses[d.content], afk: false })
      }
  }
}

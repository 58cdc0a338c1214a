// The Discord bot of examples/typescript/discord-bot.ts, on `ws`: what that bot leaves to Heartwire is done by hand here, and as shortly.
import WebSocket from 'ws'

const gateway = process.argv[2] ?? 'wss://gateway.discord.gg'
const token = process.env.DISCORD_TOKEN
const intents = (1 << 9) | (1 << 15) // messages in guilds, and their content
const statuses = { '!busy': 'dnd', '!free': 'online' }
const fatal = [4004, 4010, 4011, 4012, 4013, 4014]

let session // what a connection needs to go on where the last one ended
let ws
let sent = [] // when messages left in the last minute
let waiting = []
let failures = 0
let opened = 0
let heartbeat
let draining
let acknowledged = true

function sendNow(op, d) {
  sent.push(Date.now())
  if (ws.readyState === WebSocket.OPEN) ws.send(JSON.stringify({ op, d }))
}

function say(op, d) {
  waiting.push([op, d])
  if (!draining) drain()
}

/** 108 of the 120 messages of a minute; the others are for heartbeats and logins. */
function drain() {
  draining = undefined
  sent = sent.filter((at) => at > Date.now() - 61_000)
  while (waiting.length > 0 && sent.length < 108) sendNow(...waiting.shift())
  if (waiting.length > 0) draining = setTimeout(drain, sent[0] + 61_000 - Date.now())
}

function beat(interval) {
  if (!acknowledged) return ws.close(4000)
  acknowledged = false
  sendNow(1, session?.seq ?? null)
  heartbeat = setTimeout(beat, interval, interval)
}

/** Answers HELLO. */
function greet(interval) {
  acknowledged = true
  heartbeat = setTimeout(beat, interval * Math.random(), interval)
  if (session) sendNow(6, { token, session_id: session.session_id, seq: session.seq })
  else sendNow(2, { token, intents, properties: { os: 'linux', browser: 'ws', device: 'ws' } })
}

function hear({ op, d, s, t }) {
  if (session && s !== null) session.seq = s
  switch (op) {
    case 10:
      greet(d.heartbeat_interval)
      break
    case 1: // the gateway wants a heartbeat now
      sendNow(1, session?.seq ?? null)
      break
    case 7:
      ws.close(4000)
      break
    case 9: // the session is lost, unless the gateway says that it is not
      if (!d) session = undefined
      ws.close(4000)
      break
    case 11:
      acknowledged = true
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

function ended(code) {
  clearTimeout(heartbeat)
  clearTimeout(draining)
  ;[draining, waiting, sent] = [undefined, [], []]
  if (fatal.includes(code)) return
  if (opened && Date.now() - opened > 60_000) failures = 0
  setTimeout(connect, Math.min(30_000, 500 * 2 ** failures++) * Math.random())
}

function connect() {
  opened = 0
  ws = new WebSocket(`${session?.resume_gateway_url ?? gateway}/?v=10&encoding=json`)
  ws.on('open', () => {
    opened = Date.now()
  })
  ws.on('message', (data) => hear(JSON.parse(data)))
  ws.on('error', () => {}) // close follows
  ws.on('close', ended)
}

// SIGTERM and Ctrl+C: the gateway is told.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    ws.removeAllListeners('close')
    ws.on('close', () => process.kill(process.pid, signal))
    ws.close(1001)
  })
}

connect()

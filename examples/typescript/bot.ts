// A typed bot: somebody says "who is here?", it answers. Node 22.18 and later run it as it is: node bot.ts [URL]

import { WebSocket } from 'heartwire'

type Heard =
  | { url: '/chat/welcome'; name: string; people: string[] }
  | { url: '/chat/join' | '/chat/leave'; name: string }
  | { url: '/chat/message'; from: string; text: string }
  | { url: '/chat/error'; text: string }
  | { url: '/chat/heart-beat' }

const url = process.argv[2] ?? process.env.CHAT_URL ?? 'ws://127.0.0.1:9605/ws'
const people = new Set<string>()

const ws = new WebSocket(`${url}?name=typescript-bot`, {
  reconnect: true,
  heartbeat: { message: { url: '/chat/heart-beat' }, interval: 60_000 },
})

function say(text: string): void {
  ws.send(JSON.stringify({ url: '/chat/send', text }))
}

ws.onmessage = (event) => {
  const heard = JSON.parse(event.data as string) as Heard
  switch (heard.url) {
    case '/chat/welcome':
      people.clear()
      for (const name of heard.people) people.add(name)
      break
    case '/chat/join':
      people.add(heard.name)
      break
    case '/chat/leave':
      people.delete(heard.name)
      break
    case '/chat/message':
      if (heard.text === 'who is here?') say([...people].sort().join(', '))
      break
  }
}

ws.onclose = (event) => {
  console.log('close', event.code, event.reason, event.willReconnect ? `again in ${event.retryIn} ms` : '')
}

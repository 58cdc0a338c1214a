// A command bot: somebody says "!time", "!roll 20" or "!help", it answers.
// Start the chat server (`cargo run -p heartwire-chat-server`), then: node command-bot.mjs [URL]

import { WebSocket } from 'heartwire'

const url = process.argv[2] ?? process.env.CHAT_URL ?? 'ws://127.0.0.1:9605/ws'

const commands = {
  '!help': () => `I know ${Object.keys(commands).join(', ')}`,
  '!roll': (argument) => {
    const sides = Number.parseInt(argument, 10) > 0 ? Number.parseInt(argument, 10) : 6
    return `${1 + Math.floor(Math.random() * sides)} of ${sides}`
  },
  '!time': () => `it is ${new Date().toTimeString().slice(0, 8)} here`,
}

const ws = new WebSocket(`${url}?name=node-commands`, {
  reconnect: true,
  heartbeat: { message: '{"url":"/chat/heart-beat"}', interval: 60_000 },
})

ws.addEventListener('message', (event) => {
  const heard = JSON.parse(event.data)
  if (heard.url !== '/chat/message') return
  const [name, argument] = heard.text.split(' ')
  if (Object.hasOwn(commands, name)) {
    ws.send(JSON.stringify({ url: '/chat/send', text: commands[name](argument) }))
  }
})

ws.addEventListener('close', (event) => console.log('close', event.code, event.reason, event.error?.message ?? ''))

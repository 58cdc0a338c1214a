// The snippet that started it all: a browser's script, line by line.
//
//   if ("WebSocket" in window)                                        import 'heartwire/install/force', or the import below
//   var ws = new WebSocket("ws://127.0.0.1:9605/ws")                  the same
//   ws.onopen, onmessage, onerror, onclose                            the same
//   setInterval(() => ws.send('{"url":"/chat/heart-beat"}'), 60000)   the same; or the option `heartbeat`
//   window.onbeforeunload = () => ws.close()                          nothing: it is the default

import { WebSocket } from 'heartwire'

const url = process.argv[2] ?? process.env.CHAT_URL ?? 'ws://127.0.0.1:9605/ws'

const ws = new WebSocket(url, { heartbeat: { message: '{"url":"/chat/heart-beat"}', interval: 60_000 } })

ws.onopen = () => {
  console.log('open')
  ws.send('hello')
}

ws.onmessage = (event) => {
  console.log('message', event.data)
}

ws.onerror = (event) => {
  console.log('error', event.error.message)
}

ws.onclose = (event) => {
  console.log('close', event.code, event.reason)
}

// Subscribes to a topic of an MQTT 3.1.1 broker, publishes to it and hears it back, by handlers: `mqtt.mjs URL TOPIC`.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { WebSocket } from 'heartwire'

const [CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, DISCONNECT] = [0x10, 0x20, 0x30, 0x82, 0x90, 0xe0]
const names = { [CONNACK]: 'connack', [SUBACK]: 'suback', [PUBLISH]: 'publish' }

const [url, topic] = process.argv.slice(2)
const payloads = [Buffer.from('hello'), randomBytes(20_000)]
const heard = []
const packets = []
let stream = Buffer.alloc(0) // packets may be cut anywhere between messages

const ws = new WebSocket(url, 'mqtt')
ws.binaryType = 'nodebuffer'

const text = (value) => Buffer.concat([Buffer.of(value.length >> 8, value.length & 0xff), Buffer.from(value)])

function send(kind, ...parts) {
  const body = Buffer.concat(parts)
  const length = []
  let rest = body.length
  for (; rest >= 0x80; rest >>= 7) length.push((rest & 0x7f) | 0x80)
  ws.send(Buffer.concat([Buffer.of(kind, ...length, rest), body]))
}

/** The next whole packet of the stream. */
function take() {
  let length = 0
  for (let place = 0; place < 4 && place + 1 < stream.length; place++) {
    const digit = stream[place + 1]
    length |= (digit & 0x7f) << (7 * place)
    if (digit >= 0x80) continue
    const start = place + 2
    if (stream.length < start + length) return
    const packet = { kind: stream[0], body: stream.subarray(start, start + length) }
    stream = stream.subarray(start + length)
    return packet
  }
}

function hear({ kind, body }) {
  packets.push(names[kind])
  if (kind === CONNACK) {
    assert.deepEqual(body, Buffer.of(0, 0), 'refused')
    send(SUBSCRIBE, Buffer.of(0, 1), text(topic), Buffer.of(0))
  } else if (kind === SUBACK) {
    assert.deepEqual(body, Buffer.of(0, 1, 0), 'refused')
    for (const payload of payloads) send(PUBLISH, text(topic), payload)
  } else {
    heard.push(body.subarray(text(topic).length))
    if (heard.length < payloads.length) return
    assert.deepEqual(heard, payloads)
    send(DISCONNECT)
    ws.close()
  }
}

ws.onopen = () => send(CONNECT, text('MQTT'), Buffer.of(4, 0b10, 0, 60), text(topic))
ws.onmessage = ({ data }) => {
  stream = Buffer.concat([stream, data])
  for (let packet = take(); packet; packet = take()) hear(packet)
}

await ws.closed
console.log(JSON.stringify({ protocol: ws.protocol, packets, payloads: heard.map((payload) => payload.length) }))

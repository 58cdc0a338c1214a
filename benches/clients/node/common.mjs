// The shared part of the JavaScript clients: the job, the clocks, the check of received messages, the result. It knows no library.
//
// A client is started as `NAME.mjs JOB`, where JOB is JSON as the runner writes it; it prints one line of JSON.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setImmediate } from 'node:timers'

/** What the runner asks for: see Job in ../python/common.py. Text is measured in UTF-16 units. */
export const job = JSON.parse(process.argv[2])
export const payload = job.binary ? readFileSync(job.payload) : readFileSync(job.payload, 'utf8')
/** When each round trip of the batch ended, in ms. */
export const stamps = []

const BLOCKED_FOR = 6000

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const collect = () => (globalThis.Bun ? globalThis.Bun.gc(true) : globalThis.gc?.())

/** Goes through the batches of a job, and prints the result of the last one. */
export class Batches {
  #counts = [...job.batches]
  #go
  #end
  #started = 0
  #cpu = 0
  /** How many messages the batch has. */
  count = 0

  constructor(go, end) {
    this.#go = go
    this.#end = end
  }

  /** Starts the next batch; how many messages it has. */
  begin() {
    this.count = this.#counts.shift()
    stamps.length = 0
    collect()
    this.#cpu = cpu()
    this.#started = performance.now()
    this.#go(this.count)
    return this.count
  }

  /** The batch is complete, with this total length: starts the next one. */
  next(length) {
    const ended = performance.now()
    const used = cpu() - this.#cpu
    if (this.#counts.length > 0) return this.begin()
    if (length !== job.expected) fail(`messages of ${job.expected} together should have come, not ${length}`)
    if (job.mode === 'echo' && stamps.length !== this.count) fail(`${this.count} round trips should have been timed, not ${stamps.length}`)
    const times = stamps.map((stamp, index) => stamp - (stamps[index - 1] ?? this.#started))
    result({ count: this.count, wall: (ended - this.#started) / 1e3, cpu: used }, times)
    this.#end()
    return 0
  }

  /** The server has got all messages, and answers with their number and their total length. */
  answered(answer) {
    const [count, length] = answer.split(' ').map(Number)
    if (count !== this.count) fail(`the server got ${count} messages of ${this.count}`)
    this.next(length)
  }
}

/** Sends the given number of messages, `job.turn` of them in a turn of the loop. */
export function sender(send) {
  let left = 0
  const step = () => {
    for (let index = Math.min(job.turn, left); index > 0; index--) send(payload)
    left -= job.turn
    if (left > 0) setImmediate(step)
  }
  return (count) => {
    left = count
    step()
  }
}

/** Connects many times: one after the other for `connect`, and all stay for `idle`. `open` calls back with what `close` takes. */
export function many(open, close) {
  const counts = [...job.batches]
  const kept = []
  let [count, made, times, begun, used, before] = [0]
  const begin = () => {
    count = counts.shift()
    // The collector's own code comes into memory with its first run: that is no connection's memory.
    if (job.mode === 'idle') collect()
    ;[made, times, begun, used, before] = [0, [], performance.now(), cpu(), process.memoryUsage().rss]
    next()
  }
  const next = () => {
    if (made++ === count) return counts.length > 0 ? begin() : end()
    const start = performance.now()
    open((socket) => {
      times.push(performance.now() - start)
      if (job.mode === 'connect') close(socket, next)
      else setImmediate(next, kept.push(socket))
    })
  }
  const end = () => {
    if (job.mode === 'connect') return leave({ count, wall: (performance.now() - begun) / 1e3, cpu: cpu() - used }, times)
    setTimeout(() => {
      collect()
      const memory = (process.memoryUsage().rss - before) / count
      ;[begun, used] = [performance.now(), cpu()]
      setTimeout(() => leave({ count, memory, cpu: cpu() - used, wall: (performance.now() - begun) / 1e3 }), job.seconds * 1e3)
    }, 500)
  }
  begin()
}

/** Prints the result; `times` in milliseconds becomes microseconds at three points. */
function result(figures, times = []) {
  times.sort((one, other) => one - other)
  const point = (share) => times[Math.min(times.length - 1, Math.floor((times.length * share) / 100))] * 1e3
  if (times.length > 0) Object.assign(figures, { p10: point(10), p50: point(50), p99: point(99) })
  console.log(JSON.stringify(figures))
}

/** Prints the result and ends at once: so many closing handshakes would take too long. */
function leave(figures, times) {
  result(figures, times)
  process.exit(0)
}

/** What a handler does that computes. */
export function blocked() {
  const end = performance.now() + BLOCKED_FOR
  while (performance.now() < end);
}

/** Whether the line of the blocked client was kept. */
export const kept = (line) => leave({ kept: line })

/** Ends the process, from wherever it is. */
export function fail(why) {
  console.error(why)
  process.exit(1)
}

// @ts-check
// Owns: the output of NODE_DEBUG=heartwire and the channels of `node:diagnostics_channel`: opens, ends, retries, and frames. Knows no socket.
'use strict'

const addon = require('./addon.js')
const { place } = require('./place.js')

/** Loads modules of the platform, so it waits for the first socket: importing the package stays cheap. */
function load() {
  const { channel } = require('node:diagnostics_channel')
  const { debuglog } = require('node:util')
  const [open, close, reconnecting, frame] = ['open', 'close', 'reconnecting', 'frame'].map((name) => channel(`heartwire:${name}`))
  return { debug: debuglog('heartwire'), channels: { open, close, reconnecting, frame } }
}

/** @type {ReturnType<typeof load> | undefined} */
let loaded

function outputs() {
  loaded ??= load()
  return loaded
}

let watched = false

/** Asks whether somebody wants frames. Those of connections that begin from now on are kept, or are not. */
function heed() {
  const { debug, channels } = outputs()
  const wanted = debug.enabled || channels.frame.hasSubscribers
  if (wanted === watched) return
  watched = wanted
  addon.watchFrames(wanted)
}

/** Tells of the frames that were kept. */
function tellFrames() {
  if (!watched) return
  const text = addon.takeFrames()
  if (text === undefined) return
  const { frames, lost } = JSON.parse(text)
  const { debug, channels } = outputs()
  for (const { line, ...frame } of frames) {
    debug(line)
    if (channels.frame.hasSubscribers) channels.frame.publish(frame)
  }
  if (lost > 0) debug(`${lost} frames more came too fast to be logged`)
}

/**
 * Tells of an event of a connection's life.
 * @param {string} url
 * @param {string} name
 * @param {any} event
 */
function tellLife(url, name, event) {
  if (name !== 'open' && name !== 'close' && name !== 'reconnecting') return
  heed()
  const { debug, channels } = outputs()
  const to = channels[name]
  if (!debug.enabled && !to.hasSubscribers) return
  const message = { url: place(url), ...fields(name, event) }
  debug(`${message.url}: ${words(name, event)}`)
  if (to.hasSubscribers) to.publish(message)
}

/** @param {string} name @param {any} event */
function fields(name, event) {
  if (name === 'open') return {}
  if (name === 'close') return { code: event.code, reason: event.reason, willReconnect: event.willReconnect, error: event.error }
  return { attempt: event.attempt, delay: event.delay, error: event.cause }
}

/** @param {string} name @param {any} event */
function words(name, event) {
  const error = name === 'close' ? event.error : event.cause
  const cause = error ? `, because ${error.message} (${error.code})` : ''
  if (name === 'close') return `closed, ${event.code}${event.reason === '' ? '' : ` ${JSON.stringify(event.reason)}`}${cause}`
  return name === 'open' ? 'open' : `attempt ${event.attempt} in ${(event.delay / 1000).toFixed(1)} s${cause}`
}

module.exports = { heed, tellFrames, tellLife }

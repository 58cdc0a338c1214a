// @ts-check
// Owns: the spelling of option names in the messages of the core, which has them in snake_case. The names are those of options.d.ts: a test checks it.
'use strict'

const NAMES = [
  'addressFamily',
  'allowInsecureRedirect',
  'allowSynchronousEvents',
  'clientMaxWindowBits',
  'clientNoContextTakeover',
  'closeCode',
  'closeOnExit',
  'closeTimeout',
  'connectLimit',
  'connectLimitUntil',
  'connectTo',
  'dataIdleTimeout',
  'deliverAfterClose',
  'fatalCloseCodes',
  'followRedirects',
  'happyEyeballsDelay',
  'idleTimeout',
  'localAddress',
  'maxAuthFailures',
  'maxBuffered',
  'maxBytes',
  'maxDelay',
  'maxMessages',
  'maxMissed',
  'maxPending',
  'maxRetries',
  'maxRetryAfter',
  'maxSize',
  'minDelay',
  'minUptime',
  'minVersion',
  'onlyWhenIdle',
  'openTimeout',
  'pingInterval',
  'pingTimeout',
  'rateLimit',
  'readLimit',
  'responseId',
  'retryCloseCodes',
  'retryOnFirstConnect',
  'sendQueue',
  'serverMaxWindowBits',
  'serverName',
  'serverNoContextTakeover',
  'shouldReconnect',
  'tcpKeepalive',
  'tcpNodelay',
  'unixSocket',
  'userAgent',
  'writeLimit',
]

/** As in the core, with the name here. @type {Map<string, string>} */
const spelling = new Map(NAMES.map((name) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), name]))

/** A name in the core's own words: not in quotes, not in a URL or a path, and not a name that the program gave and that is not an option. */
const WORD = /(?<=^|[\s(])((?:[a-z]+\.)?)([a-z]+(?:_[a-z]+)+)(?=$|[\s),;:.])(?!: is not an option)/g

/** Words of the core with the options named as they are here. @param {string} words */
function spelled(words) {
  return words.includes('_') ? words.replace(WORD, (all, record, name) => (spelling.has(name) ? record + spelling.get(name) : all)) : words
}

module.exports = { NAMES, spelled }

// @ts-check
// Owns: ws' options and address as Heartwire's. Options that Heartwire lacks are refused by name. Knows no socket.
'use strict'

const http = require('node:http')
const https = require('node:https')
const { warnOnce } = require('../warnings.js')
const { unsupported } = require('./errors.js')

const VERSIONS = [8, 13]
/** The methods that an agent overrides to connect in its own way. */
const CONNECTS = /** @type {const} */ (['addRequest', 'createSocket', 'createConnection'])
/** Agents that name their proxy. */
const KNOWN = /^(Https?|Socks|)ProxyAgent$/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Options that Heartwire has under another name or in another shape. @type {Record<string, (value: any, made: any, all: any) => void>} */
const TRANSLATED = {
  allowSynchronousEvents: (value, made) => Object.assign(made, { allowSynchronousEvents: Boolean(value) }),
  auth: () => {},
  autoPong: must(true, 'the core answers every ping'),
  closeTimeout: (value, made) => Object.assign(made, { closeTimeout: value }),
  followRedirects: () => {},
  handshakeTimeout: (value, made) => Object.assign(made, { openTimeout: value || null }),
  finishRequest: mustBe('function'),
  headers: () => {},
  lookup: mustBe('function'),
  localAddress: (value, made) => Object.assign(made, { localAddress: value }),
  family: (value, made) => Object.assign(made, { addressFamily: { 0: 'any', 4: 'ipv4', 6: 'ipv6' }[/** @type {0 | 4 | 6} */ (value)] ?? value }),
  // ws has 0 for "no limit".
  maxPayload: (value, made) => Object.assign(made, { maxSize: value > 0 ? value : require('node:buffer').constants.MAX_STRING_LENGTH }),
  maxRedirects: () => {},
  origin: () => {},
  perMessageDeflate: (value, made) => Object.assign(made, { compression: compression(value) }),
  protocolVersion: (value) => {
    if (!VERSIONS.includes(value)) {
      throw new RangeError(`Unsupported protocol version: ${value} (supported versions: ${VERSIONS.join(', ')})`)
    }
    if (value !== 13) throw unsupported(`the option protocolVersion: ${value}`, 'RFC 6455 has only version 13')
  },
  skipUTF8Validation: must(false, 'the core checks every text'),
  agent: (value, made) => agent(value, made),
  signal: (value, made) => Object.assign(made, { signal: value }),
  createConnection: mustBe('function'),
  /** Heartwire's own options, beside those of ws. */
  heartwire: (value, made) => Object.assign(made, value),
}

/** The options of tls.connect() that Heartwire has, by its name for them. @type {Record<string, string>} */
const TLS = {
  ca: 'ca',
  cert: 'cert',
  key: 'key',
  passphrase: 'password',
  servername: 'serverName',
  rejectUnauthorized: 'verify',
  minVersion: 'minVersion',
}

/** ws takes these from the address, and ignores the options. */
const IGNORED = ['host', 'hostname', 'method', 'path', 'port', 'protocol', 'socketPath', 'timeout']

/** Why the others are refused. @type {Record<string, string>} */
const REFUSED = {
  generateMask: 'masks are random, as RFC 6455 section 5.3 demands',
  maxBufferedChunks: 'memory is bounded by readLimit and maxSize',
  maxFragments: 'memory is bounded by maxSize',
  maxPendingAutoPongs: 'pings are answered as they are read',
  checkServerIdentity: 'the core checks the certificate; see the options servername and rejectUnauthorized',
  pfx: 'give cert and key as PEM',
}

/** Options of Node's http, net and tls that ws passes on, and Heartwire lacks. */
const OF_NODE = [
  ...[
    'ALPNProtocols',
    'ciphers',
    'clientCertEngine',
    'crl',
    'dhparam',
    'ecdhCurve',
    'enableTrace',
    'honorCipherOrder',
    'maxVersion',
    'minDHSize',
    'pskCallback',
  ],
  ...['requestOCSP', 'secureContext', 'secureOptions', 'secureProtocol', 'session', 'sessionIdContext', 'sigalgs', 'ticketKeys'],
  ...['autoSelectFamily', 'defaultPort', 'hints', 'insecureHTTPParser', 'localPort', 'maxHeaderSize', 'setHost', 'uniqueHeaders'],
]

/** @param {string} kind @returns {(value: unknown) => void} */
function mustBe(kind) {
  return (value) => {
    if (typeof value !== kind) throw unsupported(`this option: ${String(value)}`, `it must be a ${kind}`)
  }
}

/** @param {unknown} only @param {string} why @returns {(value: unknown) => void} */
function must(only, why) {
  return (value) => {
    if (value !== only) throw unsupported(`another value than ${only} for this option`, why)
  }
}

/**
 * @param {Record<string, any>} given
 * @returns {Record<string, any>} Heartwire's options
 */
function translate(given) {
  /** @type {Record<string, any>} */
  const made = {
    allowSynchronousEvents: true,
    deliverAfterClose: true,
    closeTimeout: 30_000,
    openTimeout: null,
    maxSize: 100 * 1024 * 1024,
    compression: compression(true),
    // As in ws: a proxy is used only with an agent of the user.
    proxy: false,
    // This package follows redirects itself, as ws does: see handshake.js.
    followRedirects: 0,
    // As in ws: sockets wait for each other only until TCP and TLS are done.
    connectLimitUntil: 'tls',
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || IGNORED.includes(name)) continue
    if (Object.hasOwn(TRANSLATED, name)) {
      try {
        TRANSLATED[name](value, made, given)
      } catch (error) {
        throw error instanceof TypeError ? Object.assign(error, { message: error.message.replace('this option', `the option ${name}`) }) : error
      }
    } else if (Object.hasOwn(TLS, name)) setTls(made, name, value)
    else if (Object.hasOwn(REFUSED, name)) throw unsupported(`the option ${name}`, REFUSED[name])
    else if (OF_NODE.includes(name)) throw unsupported(`the option ${name}`, 'Heartwire has nothing of that name')
    // Neither ws nor Node has such an option, so it has no effect there either. Libraries pass their own options on.
    else warnOnce('HEARTWIRE_WS_OPTION', `heartwire/ws: neither ws nor Heartwire has an option ${name}: it is without effect.`, name)
  }
  return made
}

/** @param {any} made @param {string} name @param {any} value */
function setTls(made, name, value) {
  // An empty name means no SNI. For an address as host, none is sent in any case.
  if (name === 'servername' && value === '') return
  if (name === 'minVersion') value = String(value).replace(/^TLSv/, '')
  // Node accepts several as an array.
  if (Array.isArray(value)) value = value.map(String).join('\n')
  made.tls = { ...made.tls, [TLS[name]]: value }
}

/** @param {Record<string, any>} headers @returns {[string, string][]} */
function headerPairs(headers = {}) {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : (Array.isArray(value) ? value : [value]).map((each) => /** @type {[string, string]} */ ([name, String(each)])),
  )
}

/** @param {any} value @returns {boolean | Record<string, unknown>} */
function compression(value) {
  if (!value) return false
  // ws leaves messages below 1 KiB as they are.
  /** @type {Record<string, unknown>} */
  const made = { threshold: 1024 }
  if (value === true) return made
  for (const [name, each] of Object.entries(value)) {
    if (each === undefined) continue
    if (name === 'threshold') made.threshold = each
    else if (name === 'serverNoContextTakeover' || name === 'clientNoContextTakeover') made[name] = Boolean(each)
    else if (name === 'serverMaxWindowBits' || name === 'clientMaxWindowBits') {
      // `true` offers the parameter without a value: the largest.
      if (typeof each === 'number') made[name] = each
    } else if (name === 'zlibDeflateOptions') Object.assign(made, deflate(each))
    else throw unsupported(`the option perMessageDeflate.${name}`, 'the core compresses on its own')
  }
  return made
}

/** @param {any} options */
function deflate(options) {
  for (const name of Object.keys(options)) {
    if (name !== 'level') throw unsupported(`the option perMessageDeflate.zlibDeflateOptions.${name}`, 'the core compresses on its own')
  }
  return options.level === undefined ? {} : { level: options.level }
}

/**
 * The proxy and TLS settings of an agent. The agent makes no connection: the core does.
 * @param {any} value
 * @param {any} made
 */
function agent(value, made) {
  if (value === false || value === null) return
  const kind = value.constructor?.name
  const tls = { ...value.options, ...value.connectOpts }
  for (const name of Object.keys(TLS)) if (tls[name] !== undefined) setTls(made, name, tls[name])
  if (/^Https?ProxyAgent$/.test(kind)) made.proxy = String(value.proxy.href ?? value.proxy)
  else if (kind === 'SocksProxyAgent') made.proxy = socksProxy(value.proxy, value.shouldLookup)
  else if (kind === 'ProxyAgent') made.proxy = true
}

/** Whether the user's agent or function makes the connection, in a way that only it knows. @param {Record<string, any>} options */
function connectsItself({ agent, createConnection }) {
  if (createConnection) return true
  if (!agent || KNOWN.test(agent.constructor?.name)) return false
  return !CONNECTS.every((name) => [http.Agent, https.Agent].some(({ prototype }) => Reflect.get(prototype, name) === agent[name]))
}

/** @param {any} proxy @param {boolean} resolvesHere */
function socksProxy({ host, port, type, userId, password }, resolvesHere) {
  const scheme = type === 4 ? 'socks4a' : resolvesHere ? 'socks5' : 'socks5h'
  const user = userId === undefined ? '' : `${encodeURIComponent(userId)}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@`
  return `${scheme}://${user}${host}:${port}`
}

/**
 * Parses the address as ws does, with its messages for wrong ones.
 * @param {string | URL} address
 * @returns {{ url: URL, path: string, unixSocket?: string }}
 */
function parseAddress(address) {
  /** @type {URL} */
  let url
  try {
    url = new URL(address)
  } catch {
    throw new SyntaxError(`Invalid URL: ${address}`)
  }
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  const isUnix = url.protocol === 'ws+unix:'
  if (!isUnix && url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new SyntaxError('The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"')
  }
  if (isUnix && url.pathname === '') throw new SyntaxError("The URL's pathname is empty")
  if (url.hash) throw new SyntaxError('The URL contains a fragment identifier')
  if (!isUnix) return { url, path: url.pathname + url.search }
  const [unixSocket, path = '/'] = url.pathname.split(':')
  return { url, path: path + url.search, unixSocket }
}

/** @param {string | string[] | undefined} protocols @returns {string[]} */
function checkProtocols(protocols) {
  const all = protocols === undefined ? [] : Array.isArray(protocols) ? protocols : [protocols]
  for (const [index, protocol] of all.entries()) {
    if (typeof protocol !== 'string' || !TOKEN.test(protocol) || all.indexOf(protocol) !== index) {
      throw new SyntaxError('An invalid or duplicated subprotocol was specified')
    }
  }
  return all
}

module.exports = { checkProtocols, connectsItself, headerPairs, parseAddress, translate }

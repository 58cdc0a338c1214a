// The types of `ws.stats` and `stats()`.

/** One direction of a socket's traffic. */
export interface Traffic {
  /** Data messages. */
  readonly messages: number
  /** Their bytes, before compression. */
  readonly bytes: number
  /** The bytes of all frames, control frames too: after compression, with headers, without TLS. */
  readonly wireBytes: number
  readonly pings: number
}

/** The counts of a socket over all its connections (`ws.stats`), or of all sockets of the process (`stats()`). A snapshot: it does not change. */
export interface Stats {
  /** Attempts to open a connection. */
  readonly attempts: number
  /** Connections that opened. */
  readonly opens: number
  /** Ends of connections and of attempts, by the code of their `close` event. */
  readonly ends: Readonly<Record<string, number>>
  readonly sent: Traffic
  readonly received: Traffic
  /** The round trips of pings in milliseconds. The median and the 99th percentile are right within 7 %; the others are exact. */
  readonly latency: {
    /** How many were measured. */
    readonly measured: number
    readonly last: number | null
    readonly min: number | null
    readonly median: number | null
    readonly p99: number | null
  }
  /** Text heartbeats. */
  readonly heartbeats: { readonly sent: number; readonly answered: number; readonly missed: number }
  /** Messages that wait at the moment. */
  readonly waiting: {
    /** Messages that have not left: in the send queue, in the rate limit's lines, or because the server does not read. */
    readonly toSend: number
    readonly bytesToSend: number
    /** Bytes of messages that were read and that the program has not handled yet, with a little for each event. */
    readonly bytesToHandle: number
  }
  /** Messages that had to wait for the rate limit. */
  readonly throttled: number
  /** Messages of the send queue that were dropped. */
  readonly dropped: number
  /** How often handlers, or other work on the same loop, took so long that a thread of Heartwire had to stand in (`keeper`). */
  readonly slowHandlers: number
}

/** Sums up what all sockets have counted that this process has started, in its workers, too, and of those that are gone. */
export function stats(): Stats

// The types of `heartwire/testing`. Scripts, records and patterns: docs/testing.md.

/** A peer on loopback that behaves, or misbehaves, by a script, and records all that it received. */
export class FaultServer {
  /** Starts it. Without a script it is an echo server. */
  constructor(script?: unknown)
  /** `ws://127.0.0.1:PORT/`, or `wss://localhost:PORT/` with TLS. */
  readonly url: string
  readonly port: number
  /** With TLS: the certificate of the authority that signed the server's, as PEM. */
  readonly caPem: string | null
  /** With TLS: a certificate and a key that the server accepts from a client. */
  readonly clientPem: { readonly cert: string; readonly key: string } | null
  /** Replaces the script for later connections. */
  setScript(script: unknown): void
  /** Everything recorded so far. */
  records(): Record<string, any>[]
  /** Waits until something like `pattern` was recorded, now or before, and gives that record. `timeout` in milliseconds, default 5000. */
  waitFor(pattern: Record<string, unknown>, timeout?: number): Promise<Record<string, any>>
  refuseConnections(): void
  acceptConnections(): void
  /** Resets every open connection. */
  dropConnections(): void
  /** Ends it. Throws if a client did not do what the script expected: an Error named `ScriptFailed`, with the records of the failed steps in `failed`. */
  stop(): void
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

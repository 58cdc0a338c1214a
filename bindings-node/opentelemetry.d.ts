// The types of `heartwire/opentelemetry`. It needs the package @opentelemetry/api.

import type { MeterProvider, TracerProvider } from '@opentelemetry/api'

/**
 * Reports the counts of the process as metrics, and one span for each connection of sockets that are made from now on. Without options the global
 * providers are used. A second call changes the tracer; the metrics stay with the first provider.
 */
export function instrument(options?: { meterProvider?: MeterProvider; tracerProvider?: TracerProvider }): void

/** Makes no more spans for sockets that are made from now on. */
export function uninstrument(): void

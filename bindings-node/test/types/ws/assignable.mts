// Code that takes a socket or the class of @types/ws takes Heartwire's. The other way round it holds for sockets.
import Ours, { type ClientOptions as OurOptions, type RawData as OurRawData } from 'heartwire/ws'
import type Theirs from 'ws'
import type { ClientOptions, RawData } from 'ws'

export const socket: Theirs = new Ours('ws://im.example')
export const Class: typeof Theirs = Ours
export const back = (ws: Theirs): Ours => ws
export const raw = (data: OurRawData): RawData => data
export const library = (make: (url: string, options?: ClientOptions) => Theirs): Theirs => make('ws://im.example', {})
library((url, options) => new Ours(url, options))
export const given = (options: ClientOptions): OurOptions => options

// As assignable.mts, for CommonJS, where the class carries everything else.
import Ours = require('heartwire/ws')
import Theirs = require('ws')

export const Class: typeof Theirs = Ours
export const Named: typeof Theirs.WebSocket = Ours.WebSocket
export const socket: Theirs.WebSocket = new Ours('ws://im.example')

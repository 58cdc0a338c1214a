import WebSocket = require('./ws.js')

export import CertMeta = WebSocket.CertMeta
export import ClientOptions = WebSocket.ClientOptions
export import CloseEvent = WebSocket.CloseEvent
export import Data = WebSocket.Data
export import ErrorEvent = WebSocket.ErrorEvent
export import Event = WebSocket.Event
export import EventListenerOptions = WebSocket.EventListenerOptions
export import FinishRequestCallback = WebSocket.FinishRequestCallback
export import MessageEvent = WebSocket.MessageEvent
export import PerMessageDeflate = WebSocket.PerMessageDeflate
export import PerMessageDeflateOptions = WebSocket.PerMessageDeflateOptions
export import RawData = WebSocket.RawData
export import Receiver = WebSocket.Receiver
export import SendOptions = WebSocket.SendOptions
export import Sendable = WebSocket.Sendable
export import Sender = WebSocket.Sender
export import Server = WebSocket.Server
export import WebSocketServer = WebSocket.WebSocketServer
export import createWebSocketStream = WebSocket.createWebSocketStream
export import extension = WebSocket.extension
export import subprotocol = WebSocket.subprotocol
export { WebSocket, WebSocket as default }

// The types of `require('heartwire')`: the class itself, with everything else as its properties.

import * as all from './types.js'

declare class WebSocket extends all.WebSocket {}

declare namespace WebSocket {
  export import WebSocket = all.WebSocket
  export import CloseEvent = all.CloseEvent
  export import CompressionOptions = all.CompressionOptions
  export import Data = all.Data
  export import DroppedEvent = all.DroppedEvent
  export import ErrorCode = all.ErrorCode
  export import ErrorEvent = all.ErrorEvent
  export import EventInit = all.EventInit
  export import HeartbeatEvent = all.HeartbeatEvent
  export import HeartbeatMessage = all.HeartbeatMessage
  export import HeartbeatOptions = all.HeartbeatOptions
  export import KeyLimitOptions = all.KeyLimitOptions
  export import Listener = all.Listener
  export import ListenerObject = all.ListenerObject
  export import ListenerOptions = all.ListenerOptions
  export import MessageData = all.MessageData
  export import MessageEvent = all.MessageEvent
  export import NamedValues = all.NamedValues
  export import OpenEvent = all.OpenEvent
  export import Opened = all.Opened
  export import Options = all.Options
  export import Phase = all.Phase
  export import PingEvent = all.PingEvent
  export import PongEvent = all.PongEvent
  export import Provided = all.Provided
  export import RateLimitOptions = all.RateLimitOptions
  export import ReadyOptions = all.ReadyOptions
  export import ReconnectOptions = all.ReconnectOptions
  export import ReconnectingEvent = all.ReconnectingEvent
  export import RequestCall = all.RequestCall
  export import RequestOptions = all.RequestOptions
  export import SendOptions = all.SendOptions
  export import SendQueueOptions = all.SendQueueOptions
  export import Stats = all.Stats
  export import ThrottledEvent = all.ThrottledEvent
  export import TlsOptions = all.TlsOptions
  export import Traffic = all.Traffic
  export import WebSocketError = all.WebSocketError
  export import WebSocketEventMap = all.WebSocketEventMap
  export import WebSocketOptions = all.WebSocketOptions
  export import shutdown = all.shutdown
  export import stats = all.stats
}

export = WebSocket

// `import 'heartwire/install'` puts WebSocket and CloseEvent on globalThis where there are none.
export {}

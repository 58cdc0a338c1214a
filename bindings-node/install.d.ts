// `import 'heartwire/install'` puts WebSocket and CloseEvent on globalThis where there are none; `heartwire/install/force` also where there are.
export {}

// `import 'heartwire/install'` puts WebSocket and CloseEvent on globalThis if it lacks them; `heartwire/install/force` replaces those that exist.
export {}

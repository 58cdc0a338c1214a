// What the JavaScript clients do when they get the message "go".

export function act(mode) {
  if (mode === 'exit') process.exit(0)
  if (mode === 'raise') throw new Error('of the handler')
  if (mode === 'compute') {
    const end = performance.now() + 5000
    while (performance.now() < end);
  }
}

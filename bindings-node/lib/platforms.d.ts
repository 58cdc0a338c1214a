// The packages of the platforms exist only where they are installed.
declare module '@heartwire/*' {
  const addon: unknown
  export = addon
}

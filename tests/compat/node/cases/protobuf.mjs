// Owns: as much of protobuf's wire format as the frames of Lark need: numbers, texts and nested messages.

/** @param {[number, number | string | Buffer][]} fields */
export function encode(fields) {
  return Buffer.concat(
    fields.flatMap(([field, value]) => {
      if (typeof value === 'number') return [varint(field << 3), varint(value)]
      const bytes = Buffer.from(value)
      return [varint((field << 3) | 2), varint(bytes.length), bytes]
    }),
  )
}

/** The last value of each field. @param {Buffer} bytes */
export function decode(bytes) {
  const fields = new Map()
  let at = 0
  const number = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(value)
    }
  }
  while (at < bytes.length) {
    const tag = number()
    const content = number()
    if ((tag & 7) === 0) fields.set(tag >> 3, content)
    else {
      fields.set(tag >> 3, bytes.subarray(at, at + content))
      at += content
    }
  }
  return fields
}

function varint(value) {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128)
  return Buffer.from([...bytes, value])
}

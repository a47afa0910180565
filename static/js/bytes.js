// What metadata.js and its neighbours need of bytes.

export function join(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function encode(text) {
  return new TextEncoder().encode(text);
}

export function decode(bytes, encoding = "utf-8") {
  return new TextDecoder(encoding).decode(bytes);
}

/** Bytes of a whole number, the highest first. */
export function bigEndian(number, size) {
  return Uint8Array.from({ length: size }, (_, index) => number >>> (8 * (size - 1 - index)));
}

export function fromBigEndian(bytes) {
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

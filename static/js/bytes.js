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

export function areSame(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** A text of which each character is a byte: places in it are places in the bytes. */
export function toBinary(bytes) {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

export function fromBinary(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

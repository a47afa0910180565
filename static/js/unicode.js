// Text in whatever encoding its program wrote it.

import { decode, encode } from "./bytes.js";

/** XML in UTF-8, the same bytes where it is that already. Undefined where it is in none that we know. */
export function inUtf8(bytes) {
  const encoding = encodingOf(bytes);
  if (encoding === "utf-8") return bytes;
  const even = bytes.subarray(0, bytes.length - (bytes.length % 2)); // a zero may stand behind it
  const text = encoding.startsWith("utf-32")
    ? fromUtf32(bytes, encoding)
    : decoded(encoding.startsWith("utf-16") ? even : bytes, encoding);
  return text && encode(text.replace(/<\?xml\s[^]*?\?>/g, ""));
}

/** Undefined where the bytes are not in this encoding. */
export function decoded(bytes, encoding) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

// Zeros beside the first character tell how many bytes each has, and which is the first.
function encodingOf(bytes) {
  const at = bytes.indexOf(0x3c);
  const [next, second] = bytes.subarray(at + 1, at + 3);
  if (next === 0 && second === 0) return at % 4 ? "utf-32be" : "utf-32le";
  if (next === 0) return at % 2 ? "utf-16be" : "utf-16le";
  const [, declared] =
    decode(bytes, "latin1").match(/<\?xml\s[^>]*?encoding\s*=\s*["']([^"']+)/) ?? [];
  return declared && decoded(bytes, "utf-8") === undefined ? declared : "utf-8";
}

function fromUtf32(bytes, encoding) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    view.getUint32(4 * index, encoding === "utf-32le"),
  );
  if (numbers.some((number) => number > 0x10ffff)) return undefined;
  return numbers.map((number) => String.fromCodePoint(number)).join("");
}

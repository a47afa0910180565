// A caption in IPTC's IIM: a row of data sets (record, number, length, value). All of them are the
// content of one of Photoshop's resources (kind, number, name, length, content).

import { bigEndian, decode, encode, fromBigEndian, join } from "./bytes.js";

const KINDS = ["8BIM", "MeSa", "AgHg", "PHUT", "DCSR"];
const IIM = 0x0404;
const DIGEST = 0x0425; // of the old IIM. Without one, programs believe XMP where the two differ.
const IIM_HEAD = join([encode("8BIM"), bigEndian(IIM, 2), new Uint8Array(2)]); // no name

const VERSION = 4;
const UTF8 = encode("\x1b%G");
const MOST_CAPTION = 2000; // bytes, says the standard. XMP has all of it.
const NO_TEXT = [0, 125, 200, 201, 202]; // of record 2
const LONG = 0x8000; // in the length: it is not the length, but says how many bytes that has

/** Photoshop's resources (bytes, none perhaps) with this caption. */
export function withIim(resources, caption) {
  const all = readResources(resources);
  const old = all.find(({ number }) => number === IIM);
  const sets = withCaption(old ? readSets(old.content) : [], caption);
  const kept = all.filter(({ number }) => number !== IIM && number !== DIGEST);
  return join(
    [{ head: IIM_HEAD, content: join(sets.flatMap(setParts)) }, ...kept].flatMap(resourceParts),
  );
}

// Up to where they are damaged.
function readResources(bytes) {
  const resources = [];
  let at = 0;
  while (KINDS.includes(decode(bytes.subarray(at, at + 4)))) {
    const name = 1 + bytes[at + 6];
    const head = bytes.subarray(at, at + 6 + even(name));
    const start = at + head.length + 4;
    const end = start + fromBigEndian(bytes.subarray(start - 4, start));
    if (!(end <= bytes.length)) break;
    const number = fromBigEndian(head.subarray(4, 6));
    resources.push({ number, head, content: bytes.subarray(start, end) });
    at = start + even(end - start);
  }
  return resources;
}

function resourceParts({ head, content }) {
  const filling = new Uint8Array(content.length % 2);
  return [head, bigEndian(content.length, 4), content, filling];
}

const even = (length) => length + (length % 2);

// Up to where they are damaged.
function readSets(bytes) {
  const sets = [];
  let at = 0;
  while (bytes[at] === 0x1c && at + 5 <= bytes.length) {
    const [record, number] = bytes.subarray(at + 1, at + 3);
    let start = at + 5;
    let length = fromBigEndian(bytes.subarray(at + 3, at + 5));
    if (length & LONG) {
      const size = length - LONG;
      length = fromBigEndian(bytes.subarray(start, start + size));
      start += size;
    }
    if (start + length > bytes.length) break;
    sets.push({ record, number, value: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return sets;
}

function setParts({ record, number, value }) {
  const head = Uint8Array.of(0x1c, record, number);
  const { length } = value;
  const size = length < LONG ? bigEndian(length, 2) : bigEndian(LONG + 4, 2);
  return length < LONG ? [head, size, value] : [head, size, bigEndian(length, 4), value];
}

function withCaption(old, caption) {
  const kept = inUtf8(old).filter((set) => !is(set, 1, 90) && !is(set, 2, 120));
  const versions = [1, 2]
    .filter((record) => !kept.some((set) => is(set, record, 0)))
    .map((record) => ({ record, number: 0, value: bigEndian(VERSION, 2) }));
  return [
    ...versions,
    ...kept,
    { record: 1, number: 90, value: UTF8 },
    { record: 2, number: 120, value: shortened(caption) },
  ].sort((one, other) => one.record - other.record || one.number - other.number);
}

const is = (set, record, number) => set.record === record && set.number === number;

// Texts of programs that do not say how they write them are in Windows' Latin, mostly.
function inUtf8(sets) {
  return sets.map(({ record, number, value }) => {
    const latin = record === 2 && !NO_TEXT.includes(number) && !isUtf8(value);
    return { record, number, value: latin ? encode(decode(value, "windows-1252")) : value };
  });
}

function isUtf8(bytes) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

// Ends between two characters, wherever the room does.
function shortened(text) {
  const room = new Uint8Array(MOST_CAPTION);
  const { written } = new TextEncoder().encodeInto(text, room);
  return room.subarray(0, written);
}

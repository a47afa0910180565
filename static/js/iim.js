// A caption in IPTC's IIM: a row of data sets (record, number, length, value). All of them are the
// content of one of Photoshop's resources (kind, number, name, length, content).

import { areSame, bigEndian, decode, encode, fromBigEndian, join } from "./bytes.js";
import { decoded } from "./unicode.js";

const KINDS = ["8BIM", "MeSa", "AgHg", "PHUT", "DCSR"];
const IIM = 0x0404;
const DIGEST = 0x0425; // of the old IIM. Without one, programs believe XMP where the two differ.
const IIM_HEAD = join([encode("8BIM"), bigEndian(IIM, 2), new Uint8Array(2)]); // no name

const VERSION = 4;
const UTF8 = encode("\x1b%G");
const MOST_CAPTION = 2000; // bytes, says the standard. XMP has all of it.
const NO_TEXT = [0, 125, 200, 201, 202]; // of record 2
const LONG = 0x8000; // in the length: it is not the length, but says how many bytes that has

// What 1:90 says: ISO 2022's sequences, for the charsets that browsers can read.
const CHARSETS = [
  [/^\x1b%(\/[GHI]|G)/, "utf-8"],
  ...[..."ABCDLGFHMV"].map((final, index) => [
    RegExp(`\x1b[,-/]${final}`),
    `iso-8859-${index + 1}`,
  ]),
  [/\x1b[,-/]Y/, "iso-8859-13"],
  [/\x1b[,-/]_/, "iso-8859-14"],
  [/\x1b[,-/]b/, "iso-8859-15"],
  [/\x1b[,-/]f/, "iso-8859-16"],
  [/\x1b\$[()*+]?A/, "gbk"],
  [/\x1b\$[)*+]B/, "euc-jp"],
  [/\x1b\$[()*+]C/, "euc-kr"],
];

/**
 * Photoshop's resources (bytes, none perhaps) with this caption. Where nobody can know how the texts
 * beside it are written, `leave()` is called, and only an old caption is taken away, unless the new one
 * is in ASCII, which reads the same everywhere.
 */
export function withIim(resources, caption, leave) {
  const { all, rest } = readResources(resources);
  const old = all.filter(({ number }) => number === IIM);
  const [first, ...others] = old.length ? old : [{ head: IIM_HEAD, content: new Uint8Array() }];
  const written = [
    changed(first, (sets) => withCaption(sets, caption, leave)),
    ...others.map((one) => changed(one, withoutCaption)),
  ];
  const isSame = old.length && written.every((raw, index) => areSame(raw, old[index].raw));
  const kept = all.filter((one) => !old.includes(one) && (isSame || one.number !== DIGEST));
  return join([...written, ...kept.map(({ raw }) => raw), rest]);
}

function changed({ head, content }, change) {
  const { sets, rest } = readSets(content);
  return rawResource(head, join([...change(sets).map(({ raw }) => raw), rest]));
}

// Up to where they are damaged: `rest`.
function readResources(bytes) {
  const all = [];
  let at = 0;
  while (KINDS.includes(decode(bytes.subarray(at, at + 4))) && at + 12 <= bytes.length) {
    const name = 1 + bytes[at + 6];
    const head = bytes.subarray(at, at + 6 + even(name));
    const start = at + head.length + 4;
    const end = start + fromBigEndian(bytes.subarray(start - 4, start));
    const number = fromBigEndian(head.subarray(4, 6));
    if (end > bytes.length && number !== IIM) break; // of a damaged IIM there is what there is
    const raw = bytes.subarray(at, start + even(end - start));
    all.push({ number, head, content: bytes.subarray(start, end), raw });
    at += raw.length;
  }
  return { all, rest: bytes.subarray(at) };
}

function rawResource(head, content) {
  return join([head, bigEndian(content.length, 4), content, new Uint8Array(content.length % 2)]);
}

const even = (length) => length + (length % 2);

// Up to where they are damaged: `rest`.
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
    const end = start + length;
    if (end > bytes.length) break;
    sets.push({ record, number, value: bytes.subarray(start, end), raw: bytes.subarray(at, end) });
    at = end;
  }
  return { sets, rest: bytes.subarray(at) };
}

function newSet(record, number, value) {
  const { length } = value;
  const size =
    length < LONG ? bigEndian(length, 2) : [...bigEndian(LONG + 4, 2), ...bigEndian(length, 4)];
  return { record, number, value, raw: join([Uint8Array.of(0x1c, record, number), size, value]) };
}

const withoutCaption = (sets) => sets.filter((set) => !is(set, 2, 120));

function withCaption(old, caption, leave) {
  const kept = withoutCaption(old);
  const written = inUtf8(kept);
  const value = shortened(caption);
  if (written) return added(written, [newSet(1, 90, UTF8), newSet(2, 120, value)]);
  if (isAscii(value)) return added(kept, [newSet(2, 120, value)]);
  leave();
  return kept;
}

// In their order, with the versions that each record begins with.
function added(sets, more) {
  const versions = [1, 2]
    .filter((record) => [...sets, ...more].some((set) => set.record === record))
    .filter((record) => !sets.some((set) => is(set, record, 0)))
    .map((record) => newSet(record, 0, bigEndian(VERSION, 2)));
  return [...versions, ...more].reduce(insert, sets);
}

function insert(sets, one) {
  const next = sets.findIndex(
    ({ record, number }) => record > one.record || (record === one.record && number > one.number),
  );
  const place = next < 0 ? sets.length : next;
  return [...sets.slice(0, place), one, ...sets.slice(place)];
}

const is = (set, record, number) => set.record === record && set.number === number;

// Undefined where nobody can know how their texts are written. What is not declared, and reads as
// UTF-8, is that: no other text does by chance. What is declared as UTF-8 stays as it is.
function inUtf8(sets) {
  const declared = sets.find((set) => is(set, 1, 90));
  const others = sets.filter((set) => set !== declared);
  const name = declared ? toName(declared.value) : "utf-8";
  if (declared && name === "utf-8") return others;
  const texts = new Map(
    others.filter(isText).map((set) => [set, name && decoded(set.value, name)]),
  );
  if ([...texts.values()].includes(undefined)) return undefined;
  return others.map((set) =>
    texts.has(set) ? newSet(set.record, set.number, encode(texts.get(set))) : set,
  );
}

function toName(declared) {
  return CHARSETS.find(([sequence]) => sequence.test(decode(declared)))?.[1];
}

// One that tells something of its charset.
const isText = ({ record, number, value }) =>
  record === 2 && !NO_TEXT.includes(number) && !isAscii(value);

const isAscii = (bytes) => bytes.every((byte) => byte < 0x80 && byte !== 0x1b);

// Ends between two characters, wherever the room does.
function shortened(text) {
  const room = new Uint8Array(MOST_CAPTION);
  const { written } = new TextEncoder().encodeInto(text, room);
  return room.subarray(0, written);
}

// What Kantu reads and writes in EXIF: which way is up, and the description.

import { encode, join } from "./bytes.js";
import { APP1, MOST_CONTENT, segmentOf } from "./jpeg.js";
import { Tiff } from "./tiff.js";

export const EXIF = encode("Exif\0");
const HEAD = EXIF.length + 1; // one more byte, of which nobody knows what for

const SEGMENT_HEAD = 4; // bytes before its content

const [DESCRIPTION, ORIENTATION] = [0x010e, 0x0112];
const [ASCII, SHORT] = [2, 3]; // types

/** 1 to 8; 1 where it says nothing. */
export function orientationOf(content) {
  const tiff = new Tiff(content.subarray(HEAD));
  const [table] = tiff.tables();
  const entry = table && tiff.find(table, ORIENTATION);
  const value = entry && tiff.short(entry.at + 8);
  return value >= 1 && value <= 8 ? value : 1;
}

/** A segment that says which way is up, and nothing else. */
export function orientationSegment(value) {
  const table = [0, 1, ORIENTATION >> 8, ORIENTATION & 0xff, 0, SHORT, 0, 0, 0, 1, 0, value, 0, 0];
  const tiff = [...encode("MM\0*"), 0, 0, 0, 8, ...table, 0, 0, 0, 0];
  return segmentOf(APP1, Uint8Array.of(...EXIF, 0, ...tiff));
}

/**
 * The content of the segment with this text in place of the description of the photo, or of its
 * thumbnail, if it has one. Nothing else moves: makers' notes are full of offsets that only they know.
 */
export function withDescription(content, text) {
  return [0, 1].reduce((edited, index) => describe(edited, index, text), content);
}

/**
 * The content of the segment with what points at these places, counted from the segment, pointing so
 * many bytes behind them. Cameras keep large previews behind the picture, and each maker's notes name
 * the place in their own way; but a number that is that of a picture is so by no chance.
 */
export function repointed(content, places, more) {
  const copy = join([content]);
  const tiff = new Tiff(copy.subarray(HEAD));
  const numbers = new Set(places.map((place) => place - SEGMENT_HEAD - HEAD));
  for (let at = 8; numbers.size && tiff.isOne && at + 4 <= tiff.bytes.length; at++) {
    if (numbers.has(tiff.long(at))) tiff.setLong(at, tiff.long(at) + more);
  }
  return copy;
}

function describe(content, index, text) {
  const copy = join([content]);
  const tiff = new Tiff(copy.subarray(HEAD));
  const table = tiff.tables()[index];
  const entry = table && tiff.find(table, DESCRIPTION);
  if (!entry) return content;
  const value = join([encode(text), Uint8Array.of(0)]);
  tiff.bytes.fill(0, entry.from, entry.to);
  tiff.setShort(entry.at + 2, ASCII);
  tiff.setLong(entry.at + 4, value.length);
  if (value.length <= 4) {
    tiff.bytes.fill(0, entry.at + 8, entry.at + 12).set(value, entry.at + 8);
  } else if (value.length <= entry.to - entry.from) {
    tiff.bytes.set(value, entry.from);
  } else {
    return longer(copy, tiff, table, entry, value);
  }
  return copy;
}

// Where the segment has no room for the text, no description is better than one of before.
function longer(content, tiff, table, entry, value) {
  const filling = new Uint8Array(tiff.bytes.length % 2); // values begin at even places
  const fits = content.length + filling.length + value.length <= MOST_CONTENT;
  if (fits) tiff.setLong(entry.at + 8, tiff.bytes.length + filling.length);
  else tiff.remove(table, entry);
  return fits ? join([content, filling, value]) : content;
}

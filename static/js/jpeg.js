// A JPEG is a row of segments (marker, length, content), and then the picture, which goes to the end.
//
// It is read as decoders read it: they step over stray bytes between segments, and need no end marker.

import { bigEndian, fromBigEndian, join } from "./bytes.js";

export const [SOI, APP0, APP1, APP2, APP13, APP14] = [0xd8, 0xe0, 0xe1, 0xe2, 0xed, 0xee];
const [EOI, SOS, COM, TEM, RST0] = [0xd9, 0xda, 0xfe, 0x01, 0xd0];
export const MOST_CONTENT = 0xffff - 2; // bytes in a segment: its length has 16 bits and counts itself

export class NoJpeg extends Error {}

/**
 * {segments: [{marker, content, raw}], picture}, views of the bytes. `raw` is all of a segment. Stray
 * bytes are one too, without a marker. Throws NoJpeg.
 */
export function split(bytes) {
  check(bytes[0] === 0xff && bytes[1] === SOI, "not a JPEG photo");
  const segments = [];
  let at = 2;
  for (;;) {
    const segment = segmentAt(bytes, at, isHeader);
    check(segment?.fits && segment.marker !== SOI && segment.marker !== EOI, "damaged");
    if (segment.marker === SOS) return { segments, picture: bytes.subarray(at) };
    if (segment.start > at) segments.push({ raw: bytes.subarray(at, segment.start) });
    segments.push(segment);
    at = segment.end;
  }
}

/**
 * The picture's own {segments}, for one of several scans has some between them, up to its end marker: a
 * video or further pictures may follow. `isWhole`: whether that marker is there.
 */
export function splitPicture(picture) {
  const segments = [];
  let at = 0;
  for (;;) {
    const segment = segmentAt(picture, at, isInPicture);
    if (segment && !segment.fits) {
      at = segment.start + 1; // no segment, but damage
      continue;
    }
    // What lies between two segments is the compressed data of the first.
    const last = segments.at(-1);
    if (last) last.raw = picture.subarray(last.start, segment?.start);
    if (!segment) return { segments, isWhole: false };
    segments.push(segment);
    if (segment.marker === EOI) return { segments, isWhole: true };
    at = segment.end;
  }
}

/** Where other pictures begin behind the end of this. */
export function picturesBehind(picture) {
  const { segments, isWhole } = splitPicture(picture);
  const places = [];
  for (let at = isWhole ? segments.at(-1).end : picture.length; ; at++) {
    at = picture.indexOf(0xff, at);
    if (at < 0) return places;
    if (picture[at + 1] === SOI && picture[at + 2] === 0xff) places.push(at);
  }
}

/** A segment as it stands in a file. Throws RangeError. */
export function segmentOf(marker, content) {
  if (content.length > MOST_CONTENT) throw new RangeError("The captions are too long for a JPEG.");
  const head = Uint8Array.of(0xff, marker);
  return { marker, content, raw: join([head, bigEndian(content.length + 2, 2), content]) };
}

export function begins({ marker, content }, wanted, beginning) {
  return marker === wanted && beginning.every((byte, index) => content[index] === byte);
}

/** Whether it is about the picture, and no part of it. */
export function isMetadata({ marker }) {
  return (marker >= APP0 && marker <= 0xef) || marker === COM;
}

// The next one whose marker is among those `wanted`. `fits`: the bytes do not end before it does.
function segmentAt(bytes, from, wanted) {
  let start = bytes.indexOf(0xff, from);
  while (start >= 0 && !wanted(bytes[start + 1])) start = bytes.indexOf(0xff, start + 1);
  if (start < 0) return undefined;
  const marker = bytes[start + 1];
  const isAlone = marker === EOI || marker === SOI;
  const length = isAlone ? 0 : fromBigEndian(bytes.subarray(start + 2, start + 4));
  const end = start + 2 + length;
  const [content, raw] = [bytes.subarray(start + 4, end), bytes.subarray(start, end)];
  return { marker, start, end, content, raw, fits: length !== 1 && end <= bytes.length };
}

const hasNoLength = (marker) => (marker >= RST0 && marker < SOI) || marker === TEM;

// 0 and 255 make no marker: 255 is filling.
const isHeader = (marker) => marker > 0 && marker < 0xff && !hasNoLength(marker);

// In compressed data a byte of 255 stands before 0 and in restart markers.
const isInPicture = (marker) => marker >= 0xc0 && marker < 0xff && !hasNoLength(marker);

function check(fine, what) {
  if (!fine) throw new NoJpeg(`This file is ${what}.`);
}

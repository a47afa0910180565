// A JPEG is a row of segments (marker, length, content), and then the picture, which goes to the end.

import { fromBigEndian } from "./bytes.js";

export const SOI = 0xd8;
const [EOI, SOS] = [0xd9, 0xda];

export class NoJpeg extends Error {}

/** {segments: [{marker, content}], picture}, views of the bytes. Throws NoJpeg, damaged ones too. */
export function split(bytes) {
  check(bytes[0] === 0xff && bytes[1] === SOI, "not a JPEG photo");
  const segments = [];
  let at = 2;
  for (;;) {
    check(bytes[at] === 0xff, "damaged");
    while (bytes[at + 1] === 0xff) at++; // filling
    const marker = bytes[at + 1];
    const end = at + 2 + fromBigEndian(bytes.subarray(at + 2, at + 4));
    check(marker >= 0xc0 && marker !== EOI && end >= at + 4 && end <= bytes.length, "damaged");
    if (marker === SOS) break;
    segments.push({ marker, content: bytes.subarray(at + 4, end) });
    at = end;
  }
  const picture = bytes.subarray(at);
  check(hasEnd(picture), "incomplete");
  return { segments, picture };
}

function hasEnd(picture) {
  for (let at = picture.length; (at = picture.lastIndexOf(EOI, at - 1)) > 0; ) {
    if (picture[at - 1] === 0xff) return true;
  }
  return false;
}

function check(fine, what) {
  if (!fine) throw new NoJpeg(`This file is ${what}.`);
}

// Writes captions into a JPEG, where photo programs look for them: XMP, and IPTC's older IIM.
//
// XMP is in an APP1 segment, IIM in a "resource" in Photoshop's APP13. Whatever else is in them
// stays, and so does the picture, byte for byte.

import { bigEndian, encode, join } from "./bytes.js";
import { withIim } from "./iim.js";
import { SOI, split } from "./jpeg.js";
import { withXmp } from "./xmp.js";

const [APP0, APP1, APP13] = [0xe0, 0xe1, 0xed];
const MOST_CONTENT = 0xffff - 2; // bytes in a segment: its length has 16 bits and counts itself

const EXIF = encode("Exif\0");
const XMP = encode("http://ns.adobe.com/xap/1.0/\0");
const PHOTOSHOP = encode("Photoshop 3.0\0");

/**
 * A copy of the JPEG with these captions ({language, text}), in place of those it may have had. The
 * first is for programs that know but one.
 *
 * Rejects with NoJpeg, or with RangeError where the captions are more than fits into a JPEG.
 */
export async function withCaptions(jpeg, captions) {
  const { segments, picture } = split(new Uint8Array(await jpeg.arrayBuffer()));
  const texts = captions.map(({ language, text }) => ({ language, text: clean(text) }));
  const [packet] = contents(segments, APP1, XMP);
  const resources = join(contents(segments, APP13, PHOTOSHOP));
  const written = [
    { marker: APP1, content: join([XMP, withXmp(packet, texts)]) },
    ...photoshop(withIim(resources, texts[0].text)),
  ];
  // A slice of a file stays on the disk: a hundred photos need not fit into memory.
  const untouched = jpeg.slice(jpeg.size - picture.length);
  return new Blob([Uint8Array.of(0xff, SOI), ...replaced(segments, written), untouched], {
    type: "image/jpeg",
  });
}

// Without what begins them.
function contents(segments, marker, beginning) {
  return segments
    .filter((segment) => is(segment, marker, beginning))
    .map(({ content }) => content.subarray(beginning.length));
}

function is({ marker, content }, wanted, beginning) {
  return marker === wanted && beginning.every((byte, index) => content[index] === byte);
}

// Photoshop's resources may be more than a segment holds, and then go on in the next.
function photoshop(resources) {
  const most = MOST_CONTENT - PHOTOSHOP.length;
  return Array.from({ length: Math.ceil(resources.length / most) }, (_, index) => ({
    marker: APP13,
    content: join([PHOTOSHOP, resources.subarray(index * most, (index + 1) * most)]),
  }));
}

// JFIF and EXIF must stay the first.
function replaced(segments, written) {
  const kept = segments.filter((one) => !is(one, APP1, XMP) && !is(one, APP13, PHOTOSHOP));
  const next = kept.findIndex((one) => one.marker !== APP0 && !is(one, APP1, EXIF));
  kept.splice(next < 0 ? kept.length : next, 0, ...written);
  return kept.flatMap(toBytes);
}

function toBytes({ marker, content }) {
  if (content.length > MOST_CONTENT) throw new RangeError("The captions are too long for a JPEG.");
  return [Uint8Array.of(0xff, marker), bigEndian(content.length + 2, 2), content];
}

// Without what XML cannot hold: control characters, halves of a pair.
function clean(text) {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\t\n\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "");
}

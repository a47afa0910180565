// Writes captions into a JPEG, where photo programs look for them: XMP, IPTC's older IIM, and EXIF where
// that has a description.
//
// XMP and EXIF are in APP1 segments, IIM in a "resource" in Photoshop's APP13. Whatever else is in them
// stays, byte for byte, and so does the picture and what follows it.

import { encode, join } from "./bytes.js";
import { EXIF, repointed, withDescription } from "./exif.js";
import { withIim } from "./iim.js";
import {
  APP0,
  APP1,
  APP13,
  APP2,
  MOST_CONTENT,
  SOI,
  begins,
  picturesBehind,
  segmentOf,
  split,
} from "./jpeg.js";
import { MPF, moved } from "./mpf.js";
import { decoded } from "./unicode.js";
import { newXmp, withXmp } from "./xmp.js";

const XMP = encode("http://ns.adobe.com/xap/1.0/\0");
const PHOTOSHOP = encode("Photoshop 3.0\0");

/**
 * A copy of the JPEG with these captions ({language, text}), in place of those it may have had. The
 * first is for programs that know but one.
 *
 * `leave()` is called where something cannot be read, so that it stays as it was: programs that look
 * there do not find the captions. Rejects with NoJpeg, or with RangeError where the captions are more
 * than fits into a JPEG.
 */
export async function withCaptions(jpeg, captions, leave = () => {}) {
  const { segments, picture } = split(new Uint8Array(await jpeg.arrayBuffer()));
  const texts = captions.map(({ language, text }) => ({ language, text: clean(text) }));
  const main = texts[0].text;
  const edited = [writeExif(main), writeXmp(texts, leave), writeIim(main, leave)].reduce(
    (row, write) => write(row),
    segments,
  );
  // A slice of a file stays on the disk: a hundred photos need not fit into memory.
  const untouched = jpeg.slice(jpeg.size - picture.length);
  const raws = pointing(edited, segments, picture).map(({ raw }) => raw);
  return new Blob([Uint8Array.of(0xff, SOI), ...raws, untouched], { type: "image/jpeg" });
}

const writeExif = (text) => (segments) =>
  segments.map((one) =>
    begins(one, APP1, EXIF) ? replaced(one, withDescription(one.content, text)) : one,
  );

// The first packet is for the captions. Of others, which should not be there, old ones are taken away.
const writeXmp = (texts, leave) => (segments) => {
  let isFirst = true;
  const edited = segments.map((one) => {
    if (!begins(one, APP1, XMP)) return one;
    const packet = withXmp(one.content.subarray(XMP.length), isFirst ? texts : []);
    isFirst = false;
    if (!packet || decoded(packet, "utf-8") === undefined) leave(); // most programs refuse what is none
    return packet ? replaced(one, join([XMP, packet])) : one;
  });
  return isFirst ? inserted(edited, [segmentOf(APP1, join([XMP, newXmp(texts)]))]) : edited;
};

// Photoshop's resources may be more than a segment holds, and then go on in the next.
const writeIim = (text, leave) => (segments) => {
  const old = segments.filter((one) => begins(one, APP13, PHOTOSHOP));
  const resources = join(old.map(({ content }) => content.subarray(PHOTOSHOP.length)));
  const written = withIim(resources, text, leave);
  const most = MOST_CONTENT - PHOTOSHOP.length;
  const pieces = Array.from({ length: Math.ceil(written.length / most) }, (_, index) =>
    segmentOf(APP13, join([PHOTOSHOP, written.subarray(index * most, (index + 1) * most)])),
  );
  if (!old.length) return inserted(segments, pieces);
  return segments.flatMap((one) => {
    if (!old.includes(one)) return [one];
    return one === old[0] ? pieces : [];
  });
};

// Behind JFIF, EXIF and XMP, which must stay the first.
function inserted(segments, added) {
  const next = segments.findIndex(
    (one) =>
      one.marker && one.marker !== APP0 && !begins(one, APP1, EXIF) && !begins(one, APP1, XMP),
  );
  const place = next < 0 ? segments.length : next;
  return [...segments.slice(0, place), ...added, ...segments.slice(place)];
}

function replaced(segment, content) {
  return content === segment.content ? segment : segmentOf(segment.marker, content);
}

// MPF's and EXIF's offsets still point at the pictures behind this one when what lies between has
// another length.
function pointing(segments, before, picture) {
  const longer = lengthOf(segments) - lengthOf(before);
  const from = (row, ...wanted) =>
    lengthOf(row.slice(row.findIndex((one) => begins(one, ...wanted))));
  const more = (...wanted) => from(segments, ...wanted) - from(before, ...wanted);
  return segments.map((one) => {
    if (begins(one, APP2, MPF)) return segmentOf(APP2, moved(one.content, longer, more(APP2, MPF)));
    if (!begins(one, APP1, EXIF)) return one;
    const places = picturesBehind(picture).map((place) => from(before, APP1, EXIF) + place);
    return segmentOf(APP1, repointed(one.content, places, more(APP1, EXIF)));
  });
}

function lengthOf(segments) {
  return segments.reduce((length, { raw }) => length + raw.length, 0);
}

// Without what XML cannot hold: control characters, halves of a pair.
function clean(text) {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\t\n\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "");
}

// Makes photos small before they are sent, and JPEG, which is all that the server takes.

import { EXIF, orientationOf, orientationSegment } from "./exif.js";
import {
  APP0,
  APP1,
  APP14,
  APP2,
  NoJpeg,
  SOI,
  begins,
  isMetadata,
  split,
  splitPicture,
} from "./jpeg.js";
import { encode } from "./bytes.js";

const SMALL_BYTES = 400_000;
const KIND_BYTES = 16; // of a file that say what kind it is, and nothing more

// What decoders look at.
const COLOURS = [
  [APP0, encode("JFIF\0")],
  [APP2, encode("ICC_PROFILE\0")],
  [APP14, encode("Adobe")],
];

/**
 * The photo as it is sent: an upright JPEG, `side` pixels long at most, without EXIF or anything else
 * that says more than the picture does.
 *
 * A JPEG that is small already keeps its pixels as they are, and so does one whose end is missing, for
 * the server tells whether that is only the marker. Of what the browser cannot decode the server gets
 * enough to have a sentence for it.
 */
export async function toUpload(file, { side = 1024, quality = 0.85 } = {}) {
  const jpeg = await bare(file);
  // Browsers would show, and the model describe, the half of it that is there.
  if (jpeg && !jpeg.isWhole) return jpeg.file;
  const image = await load(file);
  if (!image?.naturalWidth) return jpeg?.file ?? beginning(file);
  const scale = Math.min(1, side / Math.max(image.naturalWidth, image.naturalHeight));
  if (scale === 1 && jpeg?.file.size < SMALL_BYTES) return jpeg.file;
  const blob = await draw(image, scale, quality);
  if (!blob) return jpeg?.file ?? beginning(file); // there is no memory for it
  const name = `${file.name.replace(/\.[^.]*$/, "")}.jpg`;
  return new File([blob], name, { type: "image/jpeg", lastModified: file.lastModified });
}

// A JPEG without what is about the picture, except which way is up, and without what follows it.
// Undefined where it is none, or too damaged to tell.
async function bare(file) {
  try {
    const { segments, picture } = split(new Uint8Array(await file.arrayBuffer()));
    const scans = splitPicture(picture);
    const kept = [...segments, ...scans.segments].filter(isNeeded).map(({ raw }) => raw);
    const smaller = copy(file, [Uint8Array.of(0xff, SOI), ...upright(segments), ...kept]);
    const isBare = smaller.size === file.size;
    return { file: isBare ? file : smaller, isWhole: scans.isWhole };
  } catch (error) {
    if (error instanceof NoJpeg) return undefined;
    throw error;
  }
}

function isNeeded(segment) {
  const { marker } = segment;
  if (!marker) return false; // stray bytes
  return !isMetadata(segment) || COLOURS.some((colour) => begins(segment, ...colour));
}

function upright(segments) {
  const exif = segments.find((one) => begins(one, APP1, EXIF));
  const orientation = exif ? orientationOf(exif.content) : 1;
  return orientation === 1 ? [] : [orientationSegment(orientation).raw];
}

const beginning = (file) => copy(file, [file.slice(0, KIND_BYTES)]);

function copy({ name, type, lastModified }, parts) {
  return new File(parts, name, { type, lastModified });
}

// Not createImageBitmap: of an <img> every browser knows which way is up, and it can scale while it
// decodes, so that a photo of 50 megapixels needs no 200 MB.
function load(file) {
  const image = new Image();
  const loaded = new Promise((resolve) => {
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
  });
  image.src = URL.createObjectURL(file);
  return loaded.finally(() => URL.revokeObjectURL(image.src));
}

function draw(image, scale, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(image.naturalWidth * scale);
  canvas.height = Math.ceil(image.naturalHeight * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
}

// Makes photos small before they are sent, and JPEG, which is all that the server takes.

import { NoJpeg, split } from "./jpeg.js";

const SMALL_BYTES = 400_000;

/**
 * The photo as it is sent: an upright JPEG, `side` pixels long at most, without EXIF.
 *
 * A JPEG that is small already is returned as it is, and so is what the browser cannot decode or
 * what is damaged: the server has a sentence for each such file.
 */
export async function toUpload(file, { side = 1024, quality = 0.85 } = {}) {
  if (await isDamaged(file)) return file;
  const image = await load(file);
  if (!image?.naturalWidth) return file;
  const scale = Math.min(1, side / Math.max(image.naturalWidth, image.naturalHeight));
  if (scale === 1 && file.size < SMALL_BYTES && (await isJpeg(file))) return file;
  const blob = await draw(image, scale, quality);
  if (!blob) return file; // there is no memory for it
  const name = `${file.name.replace(/\.[^.]*$/, "")}.jpg`;
  return new File([blob], name, { type: "image/jpeg", lastModified: file.lastModified });
}

// Browsers would show, and the model describe, the half of it that is there.
async function isDamaged(file) {
  if (!(await isJpeg(file))) return false;
  try {
    split(new Uint8Array(await file.arrayBuffer()));
    return false;
  } catch (error) {
    if (error instanceof NoJpeg) return true;
    throw error;
  }
}

// By its bytes: a phone may call anything .jpg.
async function isJpeg(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return first === 0xff && second === 0xd8;
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

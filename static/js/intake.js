// The ways in which photos come: chosen, dropped, pasted, a folder, the camera.

import { find } from "./dom.js";

const PHOTO = /\.(jpe?g|png|webp|hei[cf]|avif|gif|bmp|tiff?)$/i;

/** Calls `take` with files whenever a person gives some; empty where there is no photo in them. */
export function whenPhotosCome(take) {
  for (const id of ["file", "camera", "folder"]) {
    const input = find(id);
    input.addEventListener("change", () => takeFrom(input, take));
    takeFrom(input, take); // chosen while the script was still on its way
  }
  setUpInputs();
  document.addEventListener("paste", (event) => receive(event, event.clipboardData, take));
  document.addEventListener("drop", (event) => receive(event, event.dataTransfer, take));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    find("photo").classList.add("over");
  });
  document.addEventListener("dragleave", leave);
}

/** The file's name, with the folders it came from. */
export const nameOf = (file) => file.path ?? (file.webkitRelativePath || file.name);

function takeFrom(input, take) {
  const files = [...input.files]; // a copy: what is emptied here is the same list
  input.value = ""; // so that the same photo can be chosen again
  if (files.length) take(files.filter(isPhoto));
}

// Phones turn HEIC into JPEG by themselves where nothing else is asked for. They have a camera, and
// no folders to speak of.
function setUpInputs() {
  const handheld = matchMedia("(hover: none) and (pointer: coarse)").matches;
  find("file").accept = handheld ? "image/jpeg,image/png,image/webp" : "image/*";
  find("camera-button").hidden = !handheld;
  find("folder-button").hidden = handheld || !("webkitdirectory" in find("folder"));
  for (const id of ["camera", "folder"]) {
    find(`${id}-button`).addEventListener("click", () => find(id).click());
  }
}

async function receive(event, data, take) {
  leave();
  if (!data?.files.length) return; // text, into a caption
  event.preventDefault();
  // Both are gone once this function waits.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...data.files];
  const folders = entries.some((entry) => entry?.isDirectory);
  const found = folders ? (await Promise.all(entries.filter(Boolean).map(within))).flat() : files;
  take(found.filter(isPhoto));
}

function leave() {
  find("photo").classList.remove("over");
}

const isPhoto = ({ type, name }) => type.startsWith("image/") || PHOTO.test(name);

// All files of a dropped folder and of the folders in it. A folder is read in pieces, to the end.
async function within(entry) {
  if (entry.isFile) return fileOf(entry);
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const piece = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!piece.length) return found;
    found.push(...(await Promise.all(piece.map(within))).flat());
  }
}

// None where it vanished meanwhile, or may not be read.
function fileOf(entry) {
  return new Promise((resolve) => {
    const take = (file) => {
      file.path = entry.fullPath.replace(/^\//, "");
      resolve([file]);
    };
    entry.file(take, () => resolve([]));
  });
}

// All captions at once: to the clipboard, as a file, or inside the photos.

import { copy } from "./clipboard.js";
import { find, mainFirst, say, texts } from "./dom.js";
import { toCsv, toHtml, toJson, toMarkdown } from "./formats.js";
import { withCaptions } from "./metadata.js";
import { saveAll, saveAs } from "./save.js";

const FORMATS = {
  csv: { write: toCsv, type: "text/csv" },
  json: { write: toJson, type: "application/json" },
  html: { write: (entries) => toHtml(entries.map(forReaders)), type: "text/html" },
  md: { write: (entries) => toMarkdown(entries.map(forReaders)), type: "text/markdown" },
};

/** `described()`: the photos that have captions. `fail(sentence)` tells what went wrong. */
export function setUpDownloads(described, fail) {
  const button = find("copy-all");
  button.addEventListener("click", () => copy(asText(entriesOf(described())), button));
  const menu = find("downloads");
  menu.addEventListener("click", ({ target }) => {
    const format = target.closest("button")?.dataset.format;
    if (!format) return;
    close(menu);
    if (format === "photos") savePhotos(described(), fail);
    else saveText(format, entriesOf(described()));
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && menu.open && close(menu));
  document.addEventListener("click", ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
}

function close(menu) {
  menu.open = false;
  menu.querySelector("summary").focus();
}

const entriesOf = (photos) => photos.map(({ entry }) => entry);

const forReaders = (entry) => ({ ...entry, captions: mainFirst(entry.captions) });

// Of one photo the captions alone.
function asText(entries) {
  return entries
    .map(({ name, captions }) =>
      [...(entries.length > 1 ? [name] : []), ...captions.map(({ text }) => text)].join("\n"),
    )
    .join("\n\n");
}

function saveText(format, entries) {
  const { write, type } = FORMATS[format];
  saveAs(new Blob([write(entries)], { type: `${type};charset=utf-8` }), `kantu.${format}`);
}

async function savePhotos(photos, fail) {
  const files = [];
  const told = { notWritten: [], smallCopies: [], partlyWritten: [] };
  for (const photo of photos) {
    try {
      const { less, ...file } = await captioned(photo);
      files.push(file);
      told[less]?.push(photo.name);
    } catch {
      told.notWritten.push(photo.name);
    }
  }
  const sentences = Object.keys(told).filter((text) => told[text].length);
  fail(sentences.map((text) => say(texts[text], { names: told[text].join(", ") })).join("\n"));
  if (files.length) await saveAll(files, "kantu.zip");
}

// The person's own file, in full size, where it is a JPEG; else the small JPEG made of it. `less`: what
// to tell, where it is less than that.
async function captioned({ original, name, entry }) {
  const captions = mainFirst(entry.captions);
  try {
    let less;
    const blob = await withCaptions(original, captions, () => (less = "partlyWritten"));
    return { name, blob, less };
  } catch {
    const blob = await withCaptions(entry.photo, captions);
    return { name: smallName(name), blob, less: "smallCopies" };
  }
}

// Not the photo's own name: the small one could take its place.
function smallName(name) {
  const jpegName = name.replace(/(\.\w+)?$/, ".jpg");
  return jpegName === name ? name.replace(/\.jpg$/, " (small).jpg") : jpegName;
}

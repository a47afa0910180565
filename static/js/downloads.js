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
  const failed = [];
  for (const photo of photos) {
    try {
      files.push(await captioned(photo));
    } catch {
      failed.push(photo.name);
    }
  }
  fail(failed.length ? say(texts.notWritten, { names: failed.join(", ") }) : "");
  if (files.length) await saveAll(files, "kantu.zip");
}

// The person's own file, in full size, where it is a JPEG; else the small JPEG made of it. Of an
// earlier result, opened again, that small one is all there is.
async function captioned({ original, name, entry }) {
  const captions = mainFirst(entry.captions);
  try {
    return { name, blob: await withCaptions(original, captions) };
  } catch {
    const jpegName = name.replace(/(\.\w+)?$/, ".jpg");
    return { name: jpegName, blob: await withCaptions(entry.photo, captions) };
  }
}

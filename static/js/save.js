// Hands files to the person, into the folder of downloads.

import { downloadZip } from "../vendor/client-zip.js";

const A_MINUTE = 60_000;

export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Not at once: some browsers ask first where to put it.
  setTimeout(() => URL.revokeObjectURL(link.href), A_MINUTE);
}

/** One file as it is, several in a zip: browsers ask, or refuse, when many come at once. */
export async function saveAll(files, zipName) {
  if (files.length === 1) return saveAs(files[0].blob, files[0].name);
  const named = distinct(files).map(({ name, blob }) => ({ name, input: blob }));
  saveAs(await downloadZip(named).blob(), zipName);
}

// Two photos called a.jpg, from two folders, become a.jpg and a (2).jpg.
function distinct(files) {
  const taken = new Set();
  return files.map(({ name, blob }) => {
    const [, stem, extension] = name.match(/^(.*?)(\.[^./]*)?$/s);
    let free = name;
    for (let number = 2; taken.has(free.toLowerCase()); number++) {
      free = `${stem} (${number})${extension ?? ""}`;
    }
    taken.add(free.toLowerCase());
    return { name: free, blob };
  });
}

// Where things are in XML. It tells nothing of whether that is well-formed.

/** By the prefixes that all programs use for them. */
export const SPACES = {
  rdf: "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
  x: "adobe:ns:meta/",
  dc: "http://purl.org/dc/elements/1.1/",
  xmp: "http://ns.adobe.com/xap/1.0/",
  xap: "http://ns.adobe.com/xap/1.0/",
  xmpMM: "http://ns.adobe.com/xap/1.0/mm/",
  xapMM: "http://ns.adobe.com/xap/1.0/mm/",
  xmpRights: "http://ns.adobe.com/xap/1.0/rights/",
  xmpNote: "http://ns.adobe.com/xmp/note/",
  stEvt: "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
  stRef: "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
  tiff: "http://ns.adobe.com/tiff/1.0/",
  exif: "http://ns.adobe.com/exif/1.0/",
  exifEX: "http://cipa.jp/exif/1.0/",
  aux: "http://ns.adobe.com/exif/1.0/aux/",
  crs: "http://ns.adobe.com/camera-raw-settings/1.0/",
  photoshop: "http://ns.adobe.com/photoshop/1.0/",
  lr: "http://ns.adobe.com/lightroom/1.0/",
  Iptc4xmpCore: "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
  Iptc4xmpExt: "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
  plus: "http://ns.useplus.org/ldf/xmp/1.0/",
  MicrosoftPhoto: "http://ns.microsoft.com/photo/1.0/",
  GPano: "http://ns.google.com/photos/1.0/panorama/",
  GCamera: "http://ns.google.com/photos/1.0/camera/",
  GImage: "http://ns.google.com/photos/1.0/image/",
  GDepth: "http://ns.google.com/photos/1.0/depthmap/",
  Container: "http://ns.google.com/photos/1.0/container/",
  Item: "http://ns.google.com/photos/1.0/container/item/",
  hdrgm: "http://ns.adobe.com/hdr-gain-map/1.0/",
};

const TAG =
  /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<(\/?)([^\s<>/=!?]+)((?:[^"'<>]|"[^"]*"|'[^']*')*?)(\/?)>/g;
const ATTRIBUTE = /\s+([^\s=]+)\s*=\s*("[^"]*"|'[^']*')/g;

/**
 * Every element as {name, space, local, attributes, parent, start, inner, close, end}: `inner` is behind
 * the tag that opens it (undefined of one that closes itself), `close` where it begins to close. An
 * attribute has start, end and value too; the value with its quotes.
 */
export function elementsOf(text) {
  const elements = [];
  let parent;
  for (const { index, 0: tag, 1: closes, 2: name, 3: inside, 4: alone } of text.matchAll(TAG)) {
    const end = index + tag.length;
    if (closes && parent) {
      Object.assign(parent, { close: index, end });
      parent = parent.parent;
    } else if (name && !closes) {
      const element = elementOf(name, inside, index, parent);
      Object.assign(element, alone ? { close: end - 2, end } : { inner: end });
      elements.push(element);
      if (!alone) parent = element;
    }
  }
  return elements;
}

/** Prefixes that have no namespace. */
export function undeclared(text) {
  const names = elementsOf(text).flatMap((element) =>
    [element, ...element.attributes].map(({ name }) => ({
      prefix: prefixOf(name),
      spaces: element.spaces,
    })),
  );
  const without = names.filter(({ prefix, spaces }) => prefix && !(prefix in spaces));
  return [...new Set(without.map(({ prefix }) => prefix))];
}

function elementOf(name, inside, start, parent) {
  const found = [...inside.matchAll(ATTRIBUTE)].map(({ index, 0: all, 1: key, 2: value }) => {
    const from = start + 1 + name.length + index;
    return { name: key, value, start: from, end: from + all.length };
  });
  const spaces = Object.create(parent?.spaces ?? { __proto__: null, xml: "xml", xmlns: "xmlns" });
  for (const { name: key, value } of found) {
    if (/^xmlns(:|$)/.test(key)) spaces[key.slice("xmlns:".length)] = value.slice(1, -1);
  }
  const attributes = found.map((one) => ({ ...one, ...expanded(one.name, spaces, undefined) }));
  return { name, start, parent, spaces, attributes, ...expanded(name, spaces, spaces[""]) };
}

// One that nothing is said of is meant as all use it.
function expanded(name, spaces, otherwise) {
  const prefix = prefixOf(name);
  const local = name.slice(prefix && prefix.length + 1);
  return { local, space: prefix ? (spaces[prefix] ?? SPACES[prefix]) : otherwise };
}

function prefixOf(name) {
  return name.includes(":") ? name.slice(0, name.indexOf(":")) : "";
}

// Photos that another app shared with this one. The service worker (templates/sw.js) took them.

const SHARED = "shared";

/** Those that wait, and they wait no more: each is given once, to one page, and not kept past this. */
export async function takeShared() {
  try {
    if (!(await caches.has(SHARED))) return [];
    const cache = await caches.open(SHARED);
    const found = (await cache.keys()).map((key) => takeOne(cache, key));
    return (await Promise.allSettled(found)).flatMap(({ value }) => value ?? []);
  } catch {
    return []; // plain http, or a browser that keeps nothing: nothing can have been shared
  }
}

// None is deleted but by its own name, for others may just come in; and of several pages that read one,
// it belongs to the one that could delete it.
async function takeOne(cache, key) {
  const photo = await read(cache, key);
  return (await cache.delete(key)) ? photo : undefined;
}

async function read(cache, key) {
  const blob = await (await cache.match(key)).blob();
  const name = decodeURIComponent(new URL(key.url).pathname.split("/").pop());
  return new File([blob], name, { type: blob.type });
}

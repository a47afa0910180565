// Photos that another app shared with this one. The service worker (templates/sw.js) took them.

const SHARED = "shared";

/** Those that wait, and they wait no more: none is kept past this. */
export async function takeShared() {
  try {
    const cache = await caches.open(SHARED);
    const photos = await Promise.all((await cache.keys()).map((key) => read(cache, key)));
    await caches.delete(SHARED);
    return photos;
  } catch {
    return []; // plain http, or a browser that keeps nothing: nothing can have been shared
  }
}

async function read(cache, key) {
  const blob = await (await cache.match(key)).blob();
  const name = decodeURIComponent(new URL(key.url).pathname.split("/").pop());
  return new File([blob], name, { type: blob.type });
}

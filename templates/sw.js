// The service worker: keeps the page for when the server is out of reach, and takes the photos that
// other apps share with this one. It keeps neither captions nor, past the page's opening, photos.
//
// The server comes first, always: what is kept is only shown where it does not answer. So a new
// version can take over at once, whatever pages are open.

const VERSION = {{ ("page-" ~ version) | tojson }};
const FILES = {{ files | tojson }};
const PAGE = {{ url_for("pages.index") | tojson }};
const SHARED = "shared"; // as in static/js/shared.js

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keepFiles().then(keepPage));
});

addEventListener("activate", (event) => event.waitUntil(takeOver()));

addEventListener("fetch", (event) => {
  const answer = answerTo(event);
  if (answer) event.respondWith(answer);
});

// One after the other: a server on the internet may take few requests at a time from one visitor.
async function keepFiles() {
  const cache = await caches.open(VERSION);
  for (const file of FILES) await cache.add(new Request(file, { cache: "reload" }));
}

// A private server shows it only to those who signed in: then it is kept when it is next seen.
async function keepPage() {
  const page = await fetch(PAGE);
  if (page.ok) await keepAs(PAGE, page);
}

async function takeOver() {
  const old = (await caches.keys()).filter((name) => name !== VERSION && name !== SHARED);
  await Promise.all(old.map((name) => caches.delete(name)));
  await clients.claim();
}

function answerTo(event) {
  const { request } = event;
  const { origin, pathname, searchParams } = new URL(request.url);
  if (origin !== location.origin) return undefined;
  if (request.method === "POST") {
    const shared = pathname === PAGE && searchParams.has("share");
    return shared ? share(request) : undefined;
  }
  if (request.mode === "navigate") return pathname === PAGE ? page(event) : undefined;
  return FILES.includes(pathname) ? file(request, pathname) : undefined;
}

async function page(event) {
  const answer = await fetch(event.request).catch(() => Response.error());
  if (answer.ok) event.waitUntil(keepAs(PAGE, answer.clone()));
  const away = answer.type === "error" || [502, 503, 504].includes(answer.status);
  return (away && (await keptPage())) || answer;
}

// With the sentence that the server is out of reach, which stands hidden in the page.
async function keptPage() {
  const page = await kept(PAGE);
  if (!page) return undefined;
  const html = (await page.text()).replace(/(id="offline"[^>]*) hidden/, "$1");
  return new Response(html, { headers: page.headers });
}

async function file(request, pathname) {
  const answer = await fetch(request).catch(() => Response.error());
  return answer.ok ? answer : ((await kept(pathname)) ?? answer);
}

async function keepAs(name, answer) {
  await (await caches.open(VERSION)).put(name, answer);
}

async function kept(name) {
  return (await caches.open(VERSION)).match(name, { ignoreVary: true });
}

// Until the page asks for them, which it does when it opens: static/js/shared.js.
async function share(request) {
  const photos = (await request.formData()).getAll("photo").filter((photo) => photo.size);
  const cache = await caches.open(SHARED);
  for (const photo of photos) {
    const name = `/${crypto.randomUUID()}/${encodeURIComponent(photo.name)}`;
    await cache.put(name, new Response(photo, { headers: { "Content-Type": photo.type } }));
  }
  return Response.redirect(PAGE, 303);
}

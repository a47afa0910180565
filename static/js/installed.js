// On every page: the service worker, by which phones install the page as an app.

// Beside static/, wherever that is, and so for the whole site.
const worker = new URL("../../sw.js", import.meta.url);

// Where it may not run, as in some private windows, the page is a page and no app.
navigator.serviceWorker?.register(worker, { updateViaCache: "none" }).catch(() => {});

// The sentence that the server is out of reach: the service worker showed it.
addEventListener("online", () => {
  document.getElementById("offline").hidden = true;
});

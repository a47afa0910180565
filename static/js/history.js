// Earlier results, kept in this browser alone. Where it keeps nothing, as private windows of some
// browsers do, all() is empty and the rest does nothing, which save() tells.

/** Past it, the oldest are forgotten: some 100 MB of photos. */
export const MOST_KEPT = 500;

const LONGEST = 10_000; // milliseconds: some browsers neither keep anything nor say so

let connection; // one for all that is done: when the page is left, there is no time to open another

/** Whether it is kept now: the disk may be full, or the browser not answer. */
export function save(entry) {
  const late = new Promise((resolve) => setTimeout(resolve, LONGEST, false));
  return Promise.race([write(entry), late]);
}

async function write(entry) {
  const kept = await within("readwrite", (entries) => {
    entries.put(entry);
    entries.transaction.commit(); // or else, when the page is left, it would not be
    return true;
  });
  if (kept) await forgetOldest();
  return kept ?? false;
}

async function forgetOldest() {
  await within("readwrite", async (entries) => {
    const old = (await result(entries.count())) - MOST_KEPT;
    if (old <= 0) return;
    const oldest = await result(entries.index("time").getAllKeys(null, old));
    oldest.forEach((id) => entries.delete(id));
  });
}

/** The newest first. */
export async function all() {
  const entries = await within("readonly", (entries) => result(entries.index("time").getAll()));
  return (entries ?? []).reverse();
}

export async function remove(...ids) {
  await within("readwrite", (entries) => ids.forEach((id) => entries.delete(id)));
}

// What `work` returns, once it is written down; undefined where the browser refuses.
async function within(mode, work) {
  try {
    connection ??= connect();
    const transaction = (await connection).transaction("entries", mode);
    const done = finished(transaction);
    const [answer] = await Promise.all([work(transaction.objectStore("entries")), done]);
    return answer;
  } catch {
    return undefined;
  }
}

async function connect() {
  try {
    const database = await open();
    // The person clears what the browser keeps, or another page wants to.
    database.onclose = database.onversionchange = () => {
      database.close();
      connection = undefined;
    };
    return database;
  } catch (error) {
    connection = undefined; // the next may have more luck
    throw error;
  }
}

function open() {
  const request = indexedDB.open("kantu", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("entries", { keyPath: "id" }).createIndex("time", "time");
  };
  return result(request);
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
}

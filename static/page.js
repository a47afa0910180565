// Makes the form nicer where scripts run: preview, drop, paste, progress, results in place.
// Every text comes from the page, in its language.

const find = (id) => document.getElementById(id);
const form = find("form");
const file = find("file");
const texts = form.dataset;
let request = null; // the one under way
let preview = null; // the object URL of the photo shown

document.documentElement.classList.add("js");
// Made JPEG here, see asJpeg. Not image/*: a phone that keeps HEIC then sends JPEG by itself.
file.accept = "image/jpeg,image/png,image/webp";

file.addEventListener("change", () => choose(file.files[0]));
find("remove").addEventListener("click", () => choose(null));
find("cancel").addEventListener("click", () => request?.abort());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.noValidate = true; // the sentence about a missing photo is ours, and in place
document.addEventListener("click", copy);
document.addEventListener("paste", (event) => take(event, event.clipboardData));
document.addEventListener("drop", (event) => take(event, event.dataTransfer));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("photo").classList.add("over");
});
document.addEventListener("dragleave", () => find("photo").classList.remove("over"));

// Choosing

function take(event, data) {
  find("photo").classList.remove("over");
  if (!data?.files.length) return;
  event.preventDefault();
  choose(data.files[0]);
}

async function choose(chosen) {
  request?.abort();
  const photo = chosen && (await asJpeg(chosen));
  fill(photo);
  show(photo);
  find("result").hidden = true;
  fail(photo && photo.size > texts.maxBytes ? texts.tooLarge : "");
}

// The form's own file input holds the photo, whichever way it came.
function fill(photo) {
  const files = new DataTransfer();
  if (photo) files.items.add(photo);
  file.files = files.files;
}

function show(photo) {
  URL.revokeObjectURL(preview);
  preview = photo && URL.createObjectURL(photo);
  const image = find("preview");
  image.alt = texts.chosen;
  if (photo) image.src = preview;
  else image.removeAttribute("src");
  image.hidden = !photo;
  find("remove").hidden = !photo;
}

// A pasted picture is a PNG. What the browser cannot read is left to the server to refuse.
async function asJpeg(photo) {
  if (photo.type === "image/jpeg") return photo;
  try {
    const bitmap = await createImageBitmap(photo);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    return new File([blob], `${photo.name}.jpg`, { type: blob.type });
  } catch {
    return photo;
  }
}

// Asking

function send() {
  if (request) return;
  const photo = file.files[0];
  if (!photo || photo.size > texts.maxBytes) {
    fail(photo ? texts.tooLarge : texts.noPhoto);
    file.focus();
    return;
  }
  fail("");
  find("result").hidden = true;
  request = new XMLHttpRequest();
  request.open("POST", texts.api);
  request.responseType = "json";
  request.upload.addEventListener("progress", uploading);
  request.upload.addEventListener("load", () => wait(texts.reading));
  request.addEventListener("load", () => finish(request));
  request.addEventListener("error", () => fail(texts.unreachable));
  request.addEventListener("loadend", () => {
    request = null;
    rest();
  });
  wait(texts.uploading);
  request.send(new FormData(form));
}

function uploading(event) {
  find("bar").value = event.loaded / event.total;
}

function wait(text) {
  find("submit").hidden = true;
  find("progress").hidden = false;
  find("bar").removeAttribute("value");
  find("status").textContent = text;
}

function rest() {
  find("submit").hidden = false;
  find("progress").hidden = true;
  find("status").textContent = "";
  // Cancel, or the button before it, had the focus and is gone.
  if (document.activeElement === document.body) find("submit").focus({ preventScroll: true });
}

function fail(sentence) {
  find("error").textContent = sentence;
  file.setAttribute("aria-invalid", Boolean(sentence));
}

function finish({ status, response }) {
  if (status === 200) return answer(response.photos[0].captions);
  fail(response?.error?.message ?? texts.unreachable);
}

// Answering

function answer(captions) {
  find("captions").replaceChildren(...captions.map(card));
  find("preview").alt = captions[0].text;
  find("result").hidden = false;
  find("result").scrollIntoView({ block: "nearest" });
}

function card(caption) {
  const template = document.querySelector(`template[data-language="${caption.language}"]`);
  const article = template.content.firstElementChild.cloneNode(true);
  const others = article.querySelector(".others");
  const item = others.querySelector("li");
  put(article, caption);
  item.parentElement.replaceChildren(
    ...caption.alternatives.map((other) => put(item.cloneNode(true), other)),
  );
  others.hidden = !caption.alternatives.length;
  return article;
}

function put(element, { text, probability }) {
  element.querySelector('[data-slot="text"]').textContent = text;
  element.querySelector('[data-slot="chance"]').textContent = percent(probability);
  return element;
}

// As percent() in app/web/texts.py.
function percent(probability) {
  if (probability < 0.000001) return "<0.0001%";
  const percentage = 100 * probability;
  return `${percentage >= 10 ? percentage.toFixed(0) : Number(percentage.toPrecision(2))}%`;
}

// Copying

async function copy({ target }) {
  const button = target.closest(".copy");
  if (!button) return;
  await write(button.parentElement.querySelector("[data-copy]"));
  const label = button.querySelector(".copy-label");
  const before = label.textContent;
  if (button.classList.contains("copied")) return;
  button.classList.add("copied");
  label.textContent = button.dataset.copied;
  setTimeout(() => {
    button.classList.remove("copied");
    label.textContent = before;
  }, 1600);
}

// Browsers give the clipboard to https and localhost alone; a home server often has neither.
async function write(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

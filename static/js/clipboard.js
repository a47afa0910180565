// Text to the clipboard, and a button that says it is there.

const SHOWN_FOR = 1600; // milliseconds

export async function copy(text, button) {
  await write(text);
  const label = button.querySelector("span");
  if (button.classList.contains("copied")) return;
  const before = label.textContent;
  button.classList.add("copied");
  label.textContent = button.dataset.copied;
  setTimeout(() => {
    button.classList.remove("copied");
    label.textContent = before;
  }, SHOWN_FOR);
}

// Browsers give the clipboard to https and localhost alone; a home server often has neither.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  before.focus();
}

// What a person chose, remembered by this browser where it may.

export const isOn = (name) => recall(name) !== "off";

export const turn = (name, on) => remember(name, on ? "on" : "off");

export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // it may not
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then for now only.
  }
}

// What the browser keeps of this page. A browser that keeps nothing, as in some private windows, is no error.

/** The text that was kept under a name; '' if there is none. */
export function kept(name) {
  try {
    return localStorage.getItem(name) ?? '';
  } catch {
    return '';
  }
}

/** Keep a text under a name, if the browser does. */
export function keep(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // full, or closed to this page
  }
}

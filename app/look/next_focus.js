// A control that is gone after its press leaves the focus nowhere: it goes to the one that takes its place.
let last = 0, watch = null;

function go(wanted, pressed) {
  const button = document.querySelector(`.${CSS.escape(wanted)} button`);
  const now = document.activeElement;
  if (now !== document.body && now?.isConnected && !now.closest(pressed)) return true;  // one is elsewhere by now
  button?.focus();
  return button !== null && button === document.activeElement;
}

export default function ({ data }) {
  if (data.number <= last) return;
  last = data.number;
  watch?.disconnect();
  const pressed = data.pressed.map((prefix) => `[class*="${prefix}"]`).join(",");
  if (go(data.wanted, pressed)) return;
  watch = new MutationObserver(() => { if (go(data.wanted, pressed)) watch.disconnect() });
  watch.observe(document.body, { childList: true, subtree: true });
}

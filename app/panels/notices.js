// Notices on the desktop, of what happens while the page is open. The browser is asked for leave by a press alone.
const WANTED = "sweetspot-notices";
const told = new Map();

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector(".nt");
  button.onclick = () => press().then(() => show(button, data));
  show(button, data);
  const known = told.get(data.place);
  told.set(data.place, new Set(data.events.map((one) => one.id)));
  if (known && wanted()) for (const one of data.events) if (!known.has(one.id)) tell(one);
}

const possible = () => "Notification" in window;
const wanted = () => possible() && Notification.permission === "granted" && kept() === "yes";

function kept() {
  try { return localStorage.getItem(WANTED) } catch { return null }
}

function keep(answer) {
  try { localStorage.setItem(WANTED, answer) } catch { /* a browser that keeps nothing */ }
}

async function press() {
  if (!possible() || Notification.permission === "denied") return;
  if (wanted()) return keep("no");
  if (Notification.permission !== "granted") await Notification.requestPermission();
  keep("yes");
}

function show(button, data) {
  const blocked = possible() && Notification.permission === "denied", on = wanted();
  button.hidden = !possible() || !data.offer;
  button.setAttribute("aria-disabled", blocked);  // it keeps the focus, so that its remedy is heard
  button.setAttribute("aria-pressed", on);
  button.querySelector(".nt-icon").textContent = on ? "notifications_active" : blocked ? "notifications_off" : "notifications";
  button.querySelector(".nt-words").textContent = on ? "Notices are on" : blocked ? "Notices are blocked" : "Notify me";
  const why = blocked
    ? "The browser's settings for this page forbid notices. Allow them there, and load the page again."
    : `On the desktop, while this page is open: ${data.tells}.`;
  button.title = why;
  button.querySelector(".nt-why").textContent = why;
}

// The same notice of two tabs is one: they share its tag.
function tell(one) {
  try {
    const notice = new Notification(one.title, { body: one.body, tag: one.id });
    notice.onclick = () => { window.focus(); notice.close() };
  } catch { /* some phones have it, and refuse it to pages */ }
}

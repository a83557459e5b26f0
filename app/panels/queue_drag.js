// A card that waits can be dragged onto another one, whose place it takes. The arrows on it do the same by keys.
const CARD = '[class*="st-key-queued-"]:has([class*="st-key-turn-"])';
let tell = null, held = "", watching = false;

const cardOf = ({ target }) => (target instanceof Element ? target.closest(CARD) : null);
const keyOf = (card) => [...card.classList].find((word) => word.startsWith("st-key-queued-")) ?? "";

function offer() {
  const waiting = new Set(document.querySelectorAll(CARD));
  for (const card of waiting) card.draggable = true;
  for (const card of document.querySelectorAll("[class*=st-key-queued-][draggable]")) if (!waiting.has(card)) card.draggable = false;
}

function mark(card) {
  for (const one of document.querySelectorAll("[data-queue-drop]")) if (one !== card) delete one.dataset.queueDrop;
  if (card) card.dataset.queueDrop = "";
}

function take(event) {
  const card = cardOf(event);
  held = card ? keyOf(card) : "";
  if (held) event.dataTransfer.effectAllowed = "move";
}

function over(event) {
  const card = held ? cardOf(event) : null;
  mark(card && keyOf(card) !== held ? card : null);
  if (card) event.preventDefault();  // it may be dropped here
}

function drop(event) {
  const card = held ? cardOf(event) : null;
  if (!card) return;
  event.preventDefault();
  if (keyOf(card) !== held) tell({ card: held, onto: keyOf(card) });
}

function end() {
  held = "";
  mark(null);
}

export default function ({ setTriggerValue }) {
  tell = (moved) => setTriggerValue("moved", moved);
  offer();
  if (watching) return;
  watching = true;
  document.addEventListener("dragstart", take);
  document.addEventListener("dragover", over);
  document.addEventListener("drop", drop);
  document.addEventListener("dragend", end);
  new MutationObserver(offer).observe(document.body, { childList: true, subtree: true });
}

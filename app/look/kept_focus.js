// A control whose card moves is another one to the browser, which takes the focus from it: it is given back.
let node = null, kept = "", prefix = "", watching = false;

const keyOf = (one) => [...(one.closest(`[class*="${prefix}"]`)?.classList ?? [])].find((word) => word.startsWith(prefix)) ?? "";

function note({ target }) {
  node = target;
  kept = target instanceof Element ? keyOf(target) : "";
}

function giveBack() {
  if (!kept || (node.isConnected && keyOf(node) === kept)) return;  // on its way to another one it is let go
  const free = document.activeElement === document.body || document.activeElement === node;
  if (free) document.querySelector(`.${CSS.escape(kept)} button`)?.focus();
}

export default function ({ data }) {
  prefix = data.prefix;
  if (watching) return;
  watching = true;
  document.addEventListener("focusin", note);
  document.addEventListener("pointerdown", note, true);  // beside it: nothing is to be given back
  new MutationObserver(giveBack).observe(document.body, { childList: true, subtree: true });
}

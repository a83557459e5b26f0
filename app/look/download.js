// Takes the file that lies ready beside it, once: a page that is drawn again shows the same one again.
const taken = new Set();

export default function ({ data }) {
  const take = () => {
    const ready = document.querySelector(`.st-key-file-${data.token} button`);
    if (ready && !taken.has(data.token)) {
      taken.add(data.token);
      ready.click();
    }
    return Boolean(ready);
  };
  if (taken.has(data.token) || take()) return;
  const watch = new MutationObserver(() => { if (take()) watch.disconnect() });
  watch.observe(document.body, { childList: true, subtree: true });
  return () => watch.disconnect();
}

// Two sounds from one clock: both always run, and what is heard is a matter of their gains. So a switch keeps the
// position and leaves no gap. What comes from the server is text (never markup), addresses of its own, and figures.
const FADE_S = 0.006, STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60], MOST_TICKS = 9, MOST_KEPT = 12;
const benches = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let bench = benches.get(parentElement);
  if (!bench) benches.set(parentElement, (bench = new Bench(parentElement.querySelector(".lb"))));
  bench.tell = (answer) => setTriggerValue("answered", answer);
  bench.show(data);
  return () => { bench.leave(); benches.delete(parentElement) };
}

const tenths = (seconds) => `${seconds.toFixed(1)} s`;
const sign = (db) => `${db < 0 ? "−" : ""}${Math.abs(db).toFixed(1)} dB`;
const coin = () => (crypto.getRandomValues(new Uint8Array(1))[0] & 1 ? "a" : "b");
const other = (side) => (side === "a" ? "b" : "a");

class Bench {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.all = (selector) => [...root.querySelectorAll(selector)];
    this.lane = (side) => this.find(`.lb-lane[data-side=${side}]`);
    this.side = "a"; this.loop = true; this.level = true; this.test = null; this.hidden = "a";
    this.offset = 0; this.plays = 0; this.sources = null; this.wanted = false; this.decoded = new Map(); this.shown = "";
    for (const lane of this.all(".lb-lane")) {
      lane.querySelector(".lb-sound").onclick = () => this.choose(lane.dataset.side);
      lane.querySelector(".lb-track").onclick = (event) => {
        const box = event.currentTarget.getBoundingClientRect();
        this.seek(((event.clientX - box.left) / box.width) * this.span);
      };
    }
    this.find(".lb-play").onclick = () => this.toggle();
    this.find(".lb-position").oninput = (event) => this.seek(Number(event.target.value));
    for (const one of this.all("[data-set]")) one.onclick = () => this.set(one.dataset.set, !this[one.dataset.set]);
    for (const one of this.all("[data-test]"))
      one.onclick = () => this.begin(this.test === one.dataset.test ? null : one.dataset.test);
    for (const one of this.all("[data-answer]")) one.onclick = () => this.answer(one.dataset.answer);
    // A button that the mouse has pressed gives the focus away: space is to play then, not to press it again.
    root.addEventListener("click", (event) => { if (event.detail) event.target.closest("button")?.blur() });
    this.listens = (event) => this.key(event);
    document.addEventListener("keydown", this.listens);
    this.begin(null);
  }

  leave() {
    this.gone = true;
    document.removeEventListener("keydown", this.listens);
    cancelAnimationFrame(this.frame);
    this.context?.close();
  }

  // Where the focus is on nothing else: a letter belongs to what is typed into, space to a button.
  key(event) {
    const at = document.activeElement, inside = this.root.contains(at);
    if (event.ctrlKey || event.metaKey || event.altKey || !(inside || at === document.body)) return;
    const side = { a: "a", b: "b", x: "x", 1: "a", 2: "b" }[event.key.toLowerCase()];
    if (event.key === " " && !(inside && at.matches("button"))) this.toggle();
    else if (side && !this.lane(side).hidden) this.choose(side);
    else return;
    event.preventDefault();
  }

  // ---- what is shown

  show(data) {
    const said = JSON.stringify(data);
    if (said === this.shown) return;
    this.shown = said;
    const before = this.data;
    this.data = data;
    this.span = Math.max(data.a.duration_s, data.b.duration_s, 0.05);
    if (before && before.pair !== data.pair && this.test) this.begin(null);
    const begins = before && data.plays > this.plays; // not when the page is come back to
    if (begins) this.side = data.side;
    this.plays = data.plays;
    this.draw();
    this.load(begins);
  }

  say(selector, text) { const one = this.find(selector); if (one.textContent !== text) one.textContent = text; }

  draw() {
    const data = this.data;
    if (!data) return;
    for (const side of ["a", "b", "x"]) {
      const lane = this.lane(side), blind = this.test === "like" || side === "x";
      lane.hidden = side === "x" && this.test !== "tell";
      this.label(lane, side, blind ? { name: this.blindName(side), detail: "" } : data[side]);
      this.picture(lane.querySelector(".lb-picture"), blind ? null : data[side]);
    }
    this.say(".lb-said", this.test ? data.said[this.test] : "");
    this.ticks();
    const moved = this.level || this.test ? [data.a.gain_db, data.b.gain_db] : [0, 0];
    this.say(".lb-level", moved.some((db) => db < -0.05) && !this.test
      ? `Equally loud: A ${sign(moved[0])}, B ${sign(moved[1])}.` : "");
    for (const one of this.all("[data-test]")) {
      one.disabled = data.same;
      one.setAttribute("aria-pressed", this.test === one.dataset.test);
    }
    this.find("[data-set=level]").disabled = Boolean(this.test);
    this.mark();
  }

  blindName(side) { return side === "x" ? "One of the two" : side === "a" ? "The first" : "The second"; }

  label(lane, side, { name, detail }) {
    const words = lane.querySelector(".lb-words"), small = document.createElement("small");
    small.textContent = detail;
    words.replaceChildren(name, ...(detail ? [small] : []));
    const key = this.test === "like" ? { a: "1", b: "2" }[side] : side.toUpperCase(), [kind, ...where] = name.split(", ");
    lane.querySelector(".lb-key").textContent = key;
    // Its name stays while figures beside it follow a run that learns.
    const button = lane.querySelector(".lb-sound");
    button.setAttribute("aria-label", `${key} ${kind}`);
    button.setAttribute("aria-description", [...where, detail].filter(Boolean).join(", "));
  }

  picture(place, sound) {
    const key = sound ? sound.picture || sound.url : "";
    if (place.dataset.of !== key) {
      place.dataset.of = key;
      place.replaceChildren();
      if (sound?.picture) {
        const image = new Image();
        image.src = sound.picture;
        image.alt = `Picture of ${sound.name}`;
        place.append(image);
      }
    }
    if (sound) place.style.width = `${(100 * sound.picture_s) / this.span}%`;
    if (sound && !sound.picture && this.decoded.get(sound.url)?.wave) this.wave(place, sound);
  }

  // A recording has no picture of its own: its wave, from what was decoded.
  wave(place, sound) {
    const wave = this.decoded.get(sound.url).wave, count = 240, each = Math.max(1, Math.floor(wave.length / count));
    let top = 1e-6;
    const peaks = Array.from({ length: count }, (_, at) => {
      let peak = 0;
      for (let i = at * each; i < Math.min((at + 1) * each, wave.length); i++) peak = Math.max(peak, Math.abs(wave[i]));
      top = Math.max(top, peak);
      return peak;
    });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", `0 -1 ${count} 2`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Wave of ${sound.name}`);
    path.setAttribute("d", peaks.map((peak, at) => `M${at + 0.5} ${(-peak / top).toFixed(3)}V${(peak / top).toFixed(3)}`).join(""));
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", "1");
    svg.append(path);
    place.replaceChildren(svg);
  }

  ticks() {
    const step = STEPS.find((one) => this.span / one <= MOST_TICKS) || 60, found = [];
    for (let at = 0; at < this.span - 0.8 * step; at += step) found.push(at);
    this.find(".lb-ticks").replaceChildren(...[...found, this.span].map((at) => {
      const tick = document.createElement("span");
      tick.textContent = tenths(at);
      tick.style.left = `${(100 * at) / this.span}%`;
      return tick;
    }));
    this.find(".lb-position").max = this.span;
  }

  mark() {
    for (const lane of this.all(".lb-lane"))
      lane.querySelector(".lb-sound").setAttribute("aria-pressed", lane.dataset.side === this.side);
    for (const name of ["loop", "level"])
      this.find(`[data-set=${name}]`).setAttribute("aria-pressed", this[name] || (name === "level" && Boolean(this.test)));
    const playing = Boolean(this.sources);
    // Not disabled: the focus of who uses keys would be lost with the answer.
    for (const one of this.all("[data-answer]")) one.setAttribute("aria-disabled", !this.judged);
    const [ask] = this.words();
    this.say(".lb-ask", this.judged ? ask : `Listen to ${this.test === "tell" ? "X" : "both"}, then say: ${ask}`);
    this.root.dataset.state = playing ? "playing" : "still";
    const [icon, word] = this.find(".lb-play").children;
    icon.textContent = playing ? "pause" : "play_arrow";
    word.textContent = playing ? "Pause" : "Play";
    const at = this.position();
    this.say(".lb-clock", `${tenths(at)} of ${tenths(this.length || this.span || 0)}`);
    const slider = this.find(".lb-position");
    if (!slider.matches(":active")) slider.value = at;
    slider.setAttribute("aria-valuetext", tenths(at));
    const width = this.lane("a").querySelector(".lb-track").clientWidth;
    this.root.style.setProperty("--lb-at", `${(width * at) / (this.span || 1)}px`);
  }

  // ---- what is heard

  async load(play) {
    const { a, b } = this.data, asked = this.shown;
    try {
      const [first, second] = await Promise.all([this.decode(a.url), this.decode(b.url)]);
      if (this.gone || asked !== this.shown) return;
      this.say(".lb-fault", "");
      const pair = `${a.url} ${b.url}`;
      if (pair !== this.taken) this.take(first, second); // words alone may have changed: those stop nothing
      this.taken = pair;
    } catch (error) {
      if (this.gone || asked !== this.shown) return;
      this.wanted = false;
      this.say(".lb-fault", "One of the two cannot be played: its file is gone, or no sound. Choose another.");
      return;
    }
    this.draw();
    if (play) this.play(0);
    else if (this.wanted) this.play();
  }

  async decode(url) {
    const kept = this.decoded.get(url);
    if (kept) return kept;
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.statusText);
    const buffer = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await answer.arrayBuffer());
    const found = { buffer, wave: buffer.getChannelData(0) };
    this.decoded.set(url, found);
    while (this.decoded.size > MOST_KEPT) this.decoded.delete(this.decoded.keys().next().value);
    return found;
  }

  // Both as long as the longer one, so that they stay together through every turn of a loop.
  take(first, second) {
    const length = Math.max(first.buffer.length, second.buffer.length);
    const padded = ({ buffer }) => {
      const long = new AudioBuffer({ length, numberOfChannels: buffer.numberOfChannels, sampleRate: buffer.sampleRate });
      for (let one = 0; one < buffer.numberOfChannels; one++) long.copyToChannel(buffer.getChannelData(one), one);
      return long;
    };
    const at = this.position();
    this.buffers = { a: padded(first), b: padded(second) };
    this.length = length / first.buffer.sampleRate;
    if (this.sources) this.play(at % this.length);
    else this.offset = Math.min(this.offset, this.length);
  }

  position() {
    if (!this.sources) return this.offset;
    const passed = this.offset + this.context.currentTime - this.begun;
    return this.loop ? Math.max(0, passed) % this.length : Math.min(Math.max(0, passed), this.length);
  }

  // The sound that is behind a lane.
  real(side) { return side === "x" ? this.hidden : this.test === "like" && this.hidden === "b" ? other(side) : side; }

  gain(side) {
    const on = this.real(this.side) === side, level = this.level || this.test ? this.data[side].gain_db : 0;
    return on ? 10 ** (level / 20) : 0;
  }

  // Asked before its sounds are here, it begins when they are; the same press again takes that back.
  async play(from = this.offset) {
    this.wanted = true;
    if (!this.buffers) return;
    this.context ||= new AudioContext();
    if (this.context.state !== "running") await this.context.resume();
    if (this.gone || !this.wanted) return;
    this.wanted = false;
    this.silence();
    const now = this.context.currentTime;
    this.sources = {};
    this.offset = from >= this.length ? 0 : from;
    this.begun = now;
    for (const side of ["a", "b"]) {
      const source = new AudioBufferSourceNode(this.context, { buffer: this.buffers[side], loop: this.loop });
      const gain = new GainNode(this.context, { gain: 0 });
      gain.gain.setValueAtTime(0, now);
      gain.gain.linearRampToValueAtTime(this.gain(side), now + FADE_S);
      source.connect(gain).connect(this.context.destination);
      source.start(now, this.offset);
      this.sources[side] = { source, gain: gain.gain };
    }
    this.heard.add(this.side);
    const one = this.sources;
    one.a.source.onended = () => { if (this.sources === one) this.stop(0) };
    this.run();
  }

  // What plays now fades out on its own.
  silence() {
    if (!this.sources) return;
    const now = this.context.currentTime;
    for (const { source, gain } of Object.values(this.sources)) {
      source.onended = null;
      this.ramp(gain, 0, now);
      source.stop(now + 2 * FADE_S);
    }
    this.sources = null;
  }

  ramp(gain, value, now) {
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(value, now + FADE_S);
  }

  stop(at = this.position()) {
    this.wanted = false;
    this.offset = at;
    this.silence();
    this.mark();
  }

  toggle() { if (this.sources || this.wanted) this.stop(); else this.play(); }

  run() {
    cancelAnimationFrame(this.frame);
    this.mark();
    if (this.sources && !this.gone) this.frame = requestAnimationFrame(() => this.run());
  }

  fade() {
    if (!this.sources) return;
    for (const side of ["a", "b"]) this.ramp(this.sources[side].gain, this.gain(side), this.context.currentTime);
  }

  seek(at) {
    this.offset = Math.min(Math.max(0, at), this.length || 0);
    if (this.sources) this.play(this.offset);
    else this.mark();
  }

  choose(side) {
    this.side = side;
    if (this.sources) this.heard.add(side);
    this.fade();
    this.mark();
  }

  set(name, on) {
    if (name === "loop" && this.sources) {
      this.offset = this.position();
      this.begun = this.context.currentTime;
      for (const { source } of Object.values(this.sources)) source.loop = on;
    }
    this[name] = on;
    this.fade();
    this.draw();
  }

  // ---- without seeing which

  begin(test) {
    this.test = test;
    this.side = "a";
    this.toss();
    this.find(".lb-blind").hidden = !test;
    const words = this.words();
    for (const [place, one] of this.all("[data-answer]").entries()) {
      one.textContent = words[place + 1];
      one.setAttribute("aria-label", `${words[0]} ${words[place + 1]}`);
    }
    this.fade();
    this.draw();
  }

  words() { return this.test === "tell" ? ["X is", "A", "B"] : ["I like", "the first", "the second"]; }

  answer(side) {
    if (!this.judged) return;
    const chosen = this.test === "like" ? this.real(side) : side;
    this.tell({ pair: this.data.pair, test: this.test, chosen, right: chosen === this.hidden, turn: Date.now() });
    this.toss();
    this.fade();
    this.mark();
  }

  // What plays on is heard as what the coin made of it.
  toss() {
    this.hidden = coin();
    this.heard = new Set(this.sources ? [this.side] : []);
  }

  // An answer without having listened would count as a guess, a preference before both were heard as one.
  get judged() { return this.test === "tell" ? this.heard.has("x") : this.heard.size > 1; }
}

// A visitor's chat. Her secret lies in this browser's storage for this place alone; whoever has it reads the chat. What
// she writes is kept here until the hub has it, under an id that makes sending it again harmless.
const SECOND = 1000;

function storage() {
  const kept = new Map();
  try {
    const real = window.localStorage;
    real.setItem("hub-chat-test", "1");
    real.removeItem("hub-chat-test");
    return real;
  } catch {
    return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
  }
}

function random(bytes) {
  const drawn = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes)));
  return btoa(drawn).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function chat(place) {
  const source = place.dataset.chat;
  const words = JSON.parse(place.dataset.words);
  const path = `/chat/${source}`;
  const store = storage();
  const name = `hub-chat/${source}`;
  const list = place.querySelector(".lines");
  const say = place.querySelector("[data-say]");
  const who = place.querySelector("[data-who]");
  const trouble = place.querySelector("[data-trouble]");
  const embedded = window.parent !== window;
  let shown = !embedded;
  let here = place.dataset.here === "yes";
  let lines = [];
  let waiting = [];
  let version = "";
  let me = { name: "", mail: "" };
  let later = false;
  let known = false;
  let sending = false;
  const told = { delivered: new Set(), read: new Set() };

  let secret = store.getItem(name) || "";
  try {
    waiting = JSON.parse(store.getItem(`${name}/waiting`) || "[]");
  } catch {
    waiting = [];
  }
  const begun = () => Boolean(secret) && known;
  const keep = () => (waiting.length ? store.setItem(`${name}/waiting`, JSON.stringify(waiting)) : store.removeItem(`${name}/waiting`));
  const headers = () => ({ Authorization: `Bearer ${secret}`, "Accept-Language": place.dataset.lang });

  async function ask(address, document, options = {}) {
    const about = { headers: headers(), credentials: "omit", cache: "no-store", ...options };
    if (document) Object.assign(about, { method: "POST", body: JSON.stringify(document), headers: { ...headers(), "Content-Type": "application/json" } });
    return fetch(address, about);
  }

  // --- what is seen ---

  const clock = new Intl.DateTimeFormat(place.dataset.lang, { hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(place.dataset.lang, { day: "numeric", month: "short" });
  const when = (at) => {
    const date = new Date(at);
    return date.toDateString() === new Date().toDateString() ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
  };

  function made(key, line, meta) {
    const row = document.createElement("p");
    row.className = `line ${line.mine ? "theirs" : "ours"}${line.waits ? " waits" : ""}`;
    row.dataset.key = key;
    const author = document.createElement("span");
    author.className = "unseen";
    author.textContent = line.mine ? `${words.you}: ` : `${line.by || words.us}: `;
    const bubble = document.createElement("span");
    bubble.className = "bubble";
    bubble.textContent = line.text;
    const below = document.createElement("span");
    below.className = "meta";
    below.textContent = meta;
    row.append(author, bubble, below);
    return row;
  }

  // Lines that stand stay as they are, so that what is read aloud is only what is new.
  function draw() {
    const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    const wanted = lines.map((line) => [line.client || line.id, line, line.mine ? when(line.at) : [line.by, when(line.at)].filter(Boolean).join(" · ")]);
    const there = new Set(wanted.map(([key]) => key));
    for (const line of waiting) if (!there.has(line.id)) wanted.push([line.id, { ...line, mine: true, waits: true }, words.sending]);
    const rows = new Map([...list.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));
    for (const [key, line, meta] of wanted) {
      const row = rows.get(key);
      rows.delete(key);
      if (!row) list.append(made(key, line, meta));
      else {
        row.classList.toggle("waits", Boolean(line.waits));
        if (row.querySelector(".bubble").textContent !== line.text) row.querySelector(".bubble").textContent = line.text;
        if (row.querySelector(".meta").textContent !== meta) row.querySelector(".meta").textContent = meta;
        list.append(...(list.lastElementChild === row || inOrder(row, key, wanted) ? [] : [row]));
      }
    }
    for (const row of rows.values()) row.remove();
    if (bottom) list.scrollTop = list.scrollHeight;
    place.dataset.here = here ? "yes" : "";
    place.querySelector('[data-when="here"]').hidden = !here;
    place.querySelector('[data-when="away"]').hidden = here;
    const mine = lines.filter((line) => line.mine).length;
    const asks = begun() && !me.mail && !later && (mine >= 2 || (mine >= 1 && !here));
    if (who.hidden === asks) {
      who.hidden = !asks;
      if (asks) list.scrollTop = list.scrollHeight;
    }
  }

  function inOrder(row, key, wanted) {
    const at = wanted.findIndex(([each]) => each === key);
    return !wanted[at - 1] || row.previousElementSibling?.dataset.key === wanted[at - 1][0];
  }

  function complain(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  function take(state) {
    known = true;
    lines = state.lines;
    version = state.version;
    me = state.me;
    here = state.here;
    const there = new Set(lines.map((line) => line.client));
    const left = waiting.filter((line) => !there.has(line.id));
    if (left.length !== waiting.length) {
      waiting = left;
      keep();
    }
    draw();
    receipts();
    if (embedded) {
      const unread = lines.filter((line) => !line.mine && !seen.has(line.id)).length;
      window.parent.postMessage({ chat: "state", unread, begun: lines.length > 0, text: words.new }, "*");
    }
  }

  // --- what the hub learns of what was seen ---

  let seen = new Set();
  try {
    seen = new Set(JSON.parse(store.getItem(`${name}/seen`) || "[]"));
  } catch {
    seen = new Set();
  }

  function receipts() {
    const ours = lines.filter((line) => !line.mine).map((line) => line.id);
    const looks = shown && document.visibilityState === "visible";
    const fresh = (kind) => ours.filter((id) => !told[kind].has(id) && !seen.has(id));
    const delivered = looks ? [] : fresh("delivered");
    const read = looks ? fresh("read") : [];
    for (const [kind, ids] of [["delivered", delivered], ["read", read]]) {
      if (!ids.length) continue;
      ids.forEach((id) => told[kind].add(id));
      ask(`${path}/received`, { ids, read: kind === "read" })
        .then((answer) => {
          if (!answer.ok) throw new Error(String(answer.status));
          if (kind !== "read") return;
          ids.forEach((id) => seen.add(id));
          store.setItem(`${name}/seen`, JSON.stringify([...seen].slice(-200)));
        })
        .catch(() => ids.forEach((id) => told[kind].delete(id)));
    }
  }

  // --- what she says ---

  async function send() {
    if (sending) return;
    sending = true;
    let pause = SECOND;
    while (waiting.length) {
      const line = waiting[0];
      let answer;
      try {
        answer = await ask(`${path}/messages`, { id: line.id, text: line.text });
      } catch {
        answer = null;
      }
      if (answer?.ok) {
        waiting = waiting.filter((each) => each.id !== line.id);
        keep();
        complain("");
        take(await answer.json());
        follow();
        pause = SECOND;
        continue;
      }
      const refused = answer && answer.status >= 400 && answer.status < 500 && answer.status !== 429;
      if (refused) {
        const problem = await answer.json().catch(() => ({}));
        waiting = waiting.filter((each) => each.id !== line.id);
        keep();
        if (!say.text.value) say.text.value = line.text;
        complain(words.refused.replace("%s", problem.detail || problem.title || answer.status));
        draw();
        continue;
      }
      complain(words.failed);
      await new Promise((done) => setTimeout(done, Math.max(pause, Number(answer?.headers.get("Retry-After") || 0) * SECOND)));
      pause = Math.min(pause * 2, 30 * SECOND);
    }
    sending = false;
  }

  say.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = say.text.value.trim();
    if (!text) return;
    if (!secret) {
      secret = random(32);
      store.setItem(name, secret);
    }
    waiting.push({ id: random(12), text });
    keep();
    say.text.value = "";
    say.text.focus();
    draw();
    list.scrollTop = list.scrollHeight;
    send();
  });
  say.text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say.requestSubmit();
  });

  who.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = who.querySelector("[data-wrong]");
    const answer = await ask(`${path}/me`, { name: who.elements.name.value, mail: who.elements.mail.value }).catch(() => null);
    wrong.hidden = answer?.status !== 422;
    who.elements.mail.toggleAttribute("aria-invalid", answer?.status === 422);
    if (!answer) return complain(words.failed);
    if (answer.status === 422) return who.elements.mail.focus();
    if (!answer.ok) return complain(words.failed);
    take(await answer.json());
    complain(me.mail ? words.written.replace("%s", me.mail) : "");
    setTimeout(() => complain(""), 6 * SECOND);
    later = true;
    draw();
    say.text.focus();
  });
  who.querySelector("[data-later]").addEventListener("click", () => {
    later = true;
    draw();
    say.text.focus();
  });

  // --- what is said to her: a stream, and where that is cut off long questions ---

  let following = false;

  async function follow() {
    if (following || !secret) return;
    following = true;
    let failed = 0;
    while (following) {
      try {
        const answer = failed % 2 ? await longPoll() : await stream();
        failed = answer ? 0 : failed + 1;
        if (answer === null) break;
      } catch {
        failed += 1;
      }
      if (failed) await new Promise((done) => setTimeout(done, Math.min(failed, 20) * SECOND));
    }
    following = false;
  }

  const gone = (answer) => {
    if (answer.status !== 404 && answer.status !== 401) return false;
    if (!waiting.length) {
      // The chat was forgotten: the next word begins another.
      store.removeItem(name);
      store.removeItem(`${name}/seen`);
      secret = "";
      known = false;
      lines = [];
      seen = new Set();
      draw();
    }
    return true;
  };

  async function stream() {
    const answer = await ask(`${path}/stream`);
    if (gone(answer)) return null;
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let heard = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return heard;
      text += value;
      const frames = text.split("\n\n");
      text = frames.pop();
      for (const frame of frames) {
        heard = true;
        const data = frame.split("\n").find((row) => row.startsWith("data: "));
        if (data) take(JSON.parse(data.slice(6)));
      }
    }
  }

  async function longPoll() {
    const answer = await ask(`${path}/messages?wait=${version ? 25 : 0}&version=${version}`);
    if (gone(answer)) return null;
    if (!answer.ok) throw new Error(String(answer.status));
    take(await answer.json());
    return false; // the stream may work again
  }

  document.addEventListener("visibilitychange", receipts);
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || !event.data || event.data.chat !== "shown") return;
    shown = event.data.shown === true;
    if (shown) {
      list.scrollTop = list.scrollHeight;
      say.text.focus();
    }
    receipts();
    draw();
  });
  document.addEventListener("keydown", (event) => {
    if (embedded && event.key === "Escape" && !event.isComposing) window.parent.postMessage({ chat: "shut" }, "*");
  });
  if (embedded) window.parent.postMessage({ chat: "ready" }, "*");
  draw();
  follow();
  if (waiting.length && secret) send();
}

// What others do while one reads: rows change where they stand, what is new waits above the list, a conversation grows
// at its end, and nothing moves under the eyes.
import htmx from "htmx.org";
import { api } from "./api.js";
import { composer } from "./composer.js";
import { agent, announce, part, say, words } from "./dom.js";
import { on } from "./live.js";
import { frames } from "./timeline.js";
import { ask, leaving, list, query, replace, scroller, shelf, toEnd } from "./shelf.js";

const news = document.getElementById("news");
const here = () => document.querySelector("#desk [data-conversation]");

function notice(count) {
  news.hidden = count === 0;
  news.firstElementChild.textContent = count === 1 ? words.newOne : say("newMany", { count });
}

async function counts() {
  const found = await api("GET", "/conversations/counts");
  for (const [box, number] of Object.entries(found)) {
    const shown = shelf.querySelector(`a[data-box="${box}"] .count`);
    if (!shown) continue;
    shown.textContent = number > 999 ? "999+" : String(number);
    shown.hidden = number === 0;
  }
}

// The list as the hub has it now: what stands here takes its new words, what does not is counted.
async function compare(ids) {
  const box = document.createElement("template");
  box.innerHTML = await (await part(`/inbox?${query()}`)).text();
  const all = [...box.content.querySelectorAll("[data-row]")];
  const known = new Set(all.map((row) => row.dataset.row));
  for (const id of leaving) if (!known.has(id)) leaving.delete(id);
  const there = all.filter((row) => !leaving.has(row.dataset.row));
  let fresh = 0;
  for (const row of there) {
    const mine = list.row(row.dataset.row);
    if (mine) replace(mine, row);
    else fresh += 1;
  }
  await list.refresh(ids.filter((id) => !known.has(id)));
  const first = list.rows()[0]?.dataset.row;
  if (!list.rows().length && there.length) await ask({ anew: false });
  else notice(fresh || (there[0] && there[0].dataset.row !== first && ids.includes(there[0].dataset.row) ? 1 : 0));
}

// The conversation as it is now: new items at its end, what changed in place.
async function look() {
  const talk = here();
  const id = talk?.dataset.conversation;
  if (!id || id === "new") return;
  const box = document.createElement("template");
  box.innerHTML = await (await part(`/inbox/${id}`)).text();
  const fresh = box.content.querySelector("[data-conversation]");
  if (!fresh || here() !== talk) return;
  const said = talk.querySelector(".said");
  const pane = scroller(talk);
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 80;
  const known = new Map([...said.querySelectorAll("[data-item]")].map((each) => [each.dataset.item, each]));
  let grown = 0;
  for (const each of [...fresh.querySelectorAll(".said > [data-item]")]) {
    const mine = known.get(each.dataset.item);
    known.delete(each.dataset.item);
    if (!mine) {
      said.append(each);
      htmx.process(each);
      frames(each);
      if (each.open) {
        each.dataset.loaded = "yes";
        const unfolded = each.querySelector(".unfolded[hx-get]");
        if (unfolded) htmx.trigger(unfolded, "unfold");
      }
      grown += 1;
    } else if (each.dataset.version !== mine.dataset.version) {
      const opened = mine.open;
      if (mine.matches("details")) {
        mine.querySelector("summary").innerHTML = each.querySelector("summary").innerHTML;
        mine.className = each.className;
        mine.open = opened;
        mine.dataset.version = each.dataset.version;
      } else {
        mine.replaceWith(each);
        htmx.process(each);
      }
    }
  }
  for (const gone of known.values()) if (gone.matches(".letter, .note")) gone.remove();
  for (const part of ["header", ".whom-links"]) {
    const [mine, theirs] = [talk.querySelector(`:scope > ${part}`), fresh.querySelector(`:scope > ${part}`)];
    if (mine && theirs && !mine.querySelector("details[open]")) mine.innerHTML = theirs.innerHTML;
  }
  for (const name of ["state", "owner", "latest", "latestIn"]) talk.dataset[name] = fresh.dataset[name] ?? "";
  const records = fresh.querySelector("script.linkable");
  if (records) talk.querySelector("script.linkable")?.replaceWith(records);
  if (grown && (atEnd || [...said.children].pop()?.dataset.by === agent)) toEnd(talk);
  else if (grown) {
    const down = talk.querySelector("[data-down]");
    if (down) {
      down.hidden = false;
      down.querySelector("span").textContent = grown === 1 ? words.newOne : say("newMany", { count: grown });
    }
  }
  if (grown) composer.meanwhile(fresh);
  if (fresh.dataset.unread && !talk.dataset.keep && document.visibilityState === "visible") {
    api("POST", "/conversations/actions", { ids: [id], action: "read" }).catch(() => {});
  }
}

if (shelf) {
  let waiting = 0;
  let gathered = new Set();
  const follow = async () => {
    const ids = [...gathered];
    gathered = new Set();
    try {
      await Promise.all([compare(ids), ids.includes(here()?.dataset.conversation) || ids.includes("*") ? look() : null, counts()]);
    } catch {
      // A hint that could not be followed: the next one comes, and reloading shows all.
    } finally {
      waiting = gathered.size ? setTimeout(follow, 1000) : 0;
    }
  };
  on("activity", ({ data }) => {
    for (const id of data.conversations ?? []) gathered.add(id);
    if (!waiting) waiting = setTimeout(follow, 150);
  });
  on("alert", ({ data }) => {
    if (data.kind !== "mention") return;
    announce(words.mentioned);
    counts().catch(() => {});
  });
  document.addEventListener("counted", () => counts().catch(() => {}));
  document.addEventListener("look", () => look().catch(() => {}));
  document.addEventListener("listed", () => notice(0));
  news.addEventListener("click", () => ask({ anew: false }));
  // Countdowns of letters that leave in a moment.
  setInterval(() => {
    for (const each of document.querySelectorAll("#desk [data-due]")) {
      const seconds = Math.ceil((Date.parse(each.dataset.due) - Date.now()) / 1000);
      if (seconds > 0 && seconds < 100) each.textContent = say("sendingIn", { seconds });
      else if (seconds <= 0 && each.dataset.due) {
        each.textContent = words.sendingNow;
        delete each.dataset.due;
      }
    }
  }, 500);
  if (agent) counts().catch(() => {});
}

// The inbox: choosing keeps the list where it is, the address follows, what is read is marked, and every act has a key.
import htmx from "htmx.org";
import { acts, targets } from "./actions.js";
import { api } from "./api.js";
import { composer } from "./composer.js";
import "./texting.js";
import { part, toast, typing, words } from "./dom.js";
import { on } from "./live.js";
import { list, scroller, shelf, toEnd } from "./shelf.js";
import { frames } from "./timeline.js";
import { undo } from "./undo.js";

const desk = document.getElementById("desk");
let asked = null;

const here = () => desk?.querySelector("[data-conversation]");
const openId = () => here()?.dataset.conversation ?? "";
const address = (id) => `/inbox${id ? `/${id}` : ""}${location.search}`;

async function open(id, { push = true, focus = false } = {}) {
  asked?.abort();
  if (!id) return close(push);
  asked = new AbortController();
  list.mark(id);
  if (focus) list.row(id)?.querySelector("a").focus({ preventScroll: true });
  list.row(id)?.scrollIntoView({ block: "nearest" });
  try {
    const response = await part(`/inbox/${id}`, { signal: asked.signal });
    const html = await response.text();
    leave();
    desk.innerHTML = html;
    htmx.process(desk);
    shelf.classList.add("at-desk");
    shelf.classList.remove("asking-who");
    if (push) history.pushState({ conversation: id }, "", address(id));
    arrived();
  } catch (error) {
    if (error.name !== "AbortError") toast(words.failed);
  }
}

function close(push = true) {
  leave();
  shelf.classList.remove("at-desk", "asking-who");
  const none = document.getElementById("nobody");
  desk.replaceChildren(...(none ? [none.content.cloneNode(true)] : []));
  list.mark("");
  if (push) history.pushState({}, "", address(""));
}

// On phones the list comes back; elsewhere the focus goes there and the conversation stays.
function back() {
  if (shelf.classList.contains("asking-who")) return shelf.classList.remove("asking-who");
  const row = list.row(openId());
  if (list.wide()) return (row ?? list.rows()[0])?.querySelector("a").focus();
  leave();
  shelf.classList.remove("at-desk");
  history.pushState({}, "", address(""));
  row?.querySelector("a").focus();
}

function leave() {
  if (here()) document.dispatchEvent(new CustomEvent("left", { detail: { id: openId(), kept: here().dataset.keep } }));
}

// A conversation has come onto the desk: its first unread in sight, then it counts as read.
function arrived() {
  const talk = here();
  if (!talk) return;
  list.mark(talk.dataset.conversation);
  const fresh = talk.querySelector(".unread-mark");
  const last = [...talk.querySelectorAll(".said > [data-item]")].pop();
  const first = fresh ?? (list.wide() ? null : last);
  if (first) scroller(talk).scrollTop += first.getBoundingClientRect().top - talk.querySelector("header").getBoundingClientRect().bottom - 8;
  else if (last) toEnd(talk);
  for (const entry of talk.querySelectorAll(".said > details.entry[open]:not([data-loaded])")) {
    entry.dataset.loaded = "yes";
    const unfolded = entry.querySelector(".unfolded[hx-get]");
    if (unfolded) htmx.trigger(unfolded, "unfold");
  }
  frames(talk);
  composer.arrive(talk);
  document.dispatchEvent(new CustomEvent("arrived", { detail: { id: talk.dataset.conversation } }));
  if (talk.dataset.unread) markRead(talk.dataset.conversation);
}

async function markRead(id) {
  try {
    await api("POST", "/conversations/actions", { ids: [id], action: "read" });
    const row = list.row(id);
    row?.querySelector("a").classList.remove("unread");
    if (row) row.dataset.unread = "";
    delete here()?.dataset.unread;
    document.dispatchEvent(new CustomEvent("counted"));
  } catch {
    // It stays unread, which is true enough: the next visit tries again.
  }
}

function walk(step) {
  const all = list.rows();
  if (!all.length) return;
  const focused = document.activeElement?.closest?.("[data-row]");
  const at = all.indexOf(focused ?? list.row(openId()));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
  const link = next.querySelector("a.conversation");
  next.scrollIntoView({ block: "nearest" });
  if (link.offsetParent) link.focus({ preventScroll: true });
  if (!list.wide() && !shelf.classList.contains("at-desk")) return;
  list.mark(next.dataset.row);
  clearTimeout(walk.pause);
  walk.pause = setTimeout(() => next.dataset.row !== openId() && open(next.dataset.row), 90);
}

const keys = {
  j: () => walk(1),
  k: () => walk(-1),
  o: () => here() && document.activeElement?.closest?.("#shelf") && list.selected() === openId() ? here().querySelector(".said")?.focus() : open(targets()[0] ?? ""),
  u: back,
  x: () => {
    const row = document.activeElement?.closest?.("[data-row]") ?? list.row(openId()) ?? list.rows()[0];
    if (row) list.tick(row, !row.querySelector("input[type=checkbox]").checked);
  },
  e: acts.close,
  s: acts.snooze,
  a: acts.assign,
  c: acts.claim,
  i: acts.unread,
  m: acts.merge,
  l: acts.link,
  z: undo,
  r: () => composer.open("reply") || false,
  R: () => composer.open("all") || false,
  n: () => composer.open("note") || false,
  N: () => (location.href = "/inbox/new"),
  Escape: () => {
    if (list.ticked().length) return list.untick();
    if (shelf.classList.contains("asking-who")) return shelf.classList.remove("asking-who");
    return false;
  },
};

if (shelf) {
  // A call that rings has n and Escape to itself.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || typing() || event.repeat && !["j", "k"].includes(event.key)) return;
    const act = keys[event.key];
    if (["n", "Escape"].includes(event.key) && document.querySelector("#pops > .pop")) return;
    if (!act || act() === false) return;
    event.preventDefault();
  });

  shelf.addEventListener("click", (event) => {
    const row = event.target.closest("#shelf a.conversation");
    if (row && !event.ctrlKey && !event.metaKey && event.button === 0) {
      event.preventDefault();
      if (event.shiftKey) list.tick(row.closest("[data-row]"), true, true);
      else open(row.closest("[data-row]").dataset.row);
      return;
    }
    const button = event.target.closest("[data-act]");
    if (button) {
      button.closest("details")?.removeAttribute("open");
      const act = { ...acts, back, undo, split: () => acts.split(button.dataset.from) }[button.dataset.act];
      act?.();
    }
    event.target.closest("[data-envelope]")?.closest(".item").classList.toggle("full");
    if (event.target.closest("[data-who]")) shelf.classList.toggle("asking-who");
    if (event.target.closest("[data-back]")) {
      event.preventDefault();
      back();
    }
    if (event.target.closest("[data-down]")) {
      toEnd(here());
      event.target.closest("[data-down]").hidden = true;
    }
  });
  // A menu closes when one goes elsewhere.
  document.addEventListener("click", (event) => {
    for (const menu of shelf.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.removeAttribute("open");
  });
  shelf.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
    if (!menu) return;
    event.preventDefault();
    menu.removeAttribute("open");
    menu.querySelector("summary").focus();
  });

  document.addEventListener("go", ({ detail }) => open(detail.id, { focus: detail.focus }));
  document.addEventListener("conversations", async ({ detail: { ids } }) => {
    list.refresh(ids).catch(() => {});
    if (ids.includes(openId())) document.dispatchEvent(new CustomEvent("look", { detail: { id: openId() } }));
  });
  // A conversation that one began is there once its letter has left.
  let begun = "";
  document.addEventListener("begun", ({ detail }) => {
    begun = detail.conversation;
    close();
  });
  on("activity", async ({ data }) => {
    if (!begun || !data.conversations?.includes(begun) || openId()) return;
    const there = await part(`/inbox/rows?ids=${begun}`).then((answer) => answer.text()).catch(() => "");
    if (there.includes("data-row")) open(begun), (begun = "");
  });
  document.addEventListener("listed", () => document.dispatchEvent(new CustomEvent("counted")));
  addEventListener("popstate", () => {
    const id = location.pathname.match(/^\/inbox\/(\d+)$/)?.[1] ?? "";
    if (id !== openId() || (id && !shelf.classList.contains("at-desk"))) open(id, { push: false });
    else if (!id) close(false);
  });
  // After a merge the address leads on to what it was merged into.
  const talk = here();
  if (talk && location.pathname !== `/inbox/${talk.dataset.conversation}` && talk.dataset.conversation !== "new") {
    history.replaceState(history.state, "", address(talk.dataset.conversation));
  }
  arrived();
}

// Alerts: the bell, the cards that come up where one works, and the lists on Now and on their own page.
import htmx from "htmx.org";
import { api } from "./api.js";
import { announce, icon, instant, login, make, part, say, stored, toast, typing, words } from "./dom.js";
import { on } from "./live.js";
import { note } from "./ring.js";

const MOST = 3;
const SHORTLY = 12000;
const TONES = { urgent: "late", warning: "waiting" };

// --- the bell -------------------------------------------------------------------------------------------------------

const bell = document.getElementById("bell");
let counting = 0;

function count() {
  counting ||= setTimeout(async () => {
    counting = 0;
    try {
      ring((await api("GET", "/alerts?limit=1")).unread);
    } catch {
      // The next alert asks again.
    }
  }, 150);
}

function ring(unread) {
  const shown = unread > 99 ? "99+" : String(unread);
  bell.classList.toggle("some", unread > 0);
  bell.querySelector("[data-count]").textContent = unread ? shown : "";
  bell.setAttribute("aria-label", unread ? say("bellSome", { count: shown }) : words.bellNone);
}

// --- cards ----------------------------------------------------------------------------------------------------------

const box = document.getElementById("told");
const cards = new Map();
const put = new Set(); // those that she has put away in this tab
const listed = () => document.querySelector("#alerts-block, #alerts-list");

function arrange() {
  if (!box) return;
  const all = [...cards.values()];
  all.forEach((card, place) => (card.element.hidden = place < all.length - MOST));
  const more = all.length - MOST;
  const last = box.querySelector(".told-more");
  last?.remove();
  if (more > 0) box.append(make("a", { class: "told-more", href: "/alerts" }, say("alertsMore", { count: more })));
}

function gone(id) {
  cards.get(id)?.element.remove();
  clearTimeout(cards.get(id)?.timer);
  cards.delete(id);
  arrange();
}

function away(id) {
  put.add(id);
  gone(id);
}

function leave(card) {
  clearTimeout(card.timer);
  if (card.lasting) return;
  card.timer = setTimeout(() => (card.element.matches(":hover, :focus-within") ? leave(card) : gone(card.id)), SHORTLY);
}

function show(alert) {
  const { id, severity } = alert;
  const tone = TONES[severity] ?? "";
  const word = words[`severity-${severity}`];
  const element = make(
    "article", { class: `told-card ${tone}`, "data-card": id, "aria-label": alert.title },
    make("header", {}, make("span", { class: `chip ${tone}` }, icon(severity === "urgent" ? "warn" : "bell"), word), make("button", { type: "button", class: "button quiet square", "aria-label": words.close, title: words.close, onclick: () => away(id) }, icon("close"))),
    make("p", { class: "strong" }, alert.title),
    ...alert.lines.map((line) => make("p", { class: "muted cut" }, line)),
    make("p", { class: "small muted" }, alert.why),
    make(
      "footer", {},
      make("a", { class: "button narrow primary", href: `/alerts/${id}/open` }, words.open),
      make("button", { type: "button", class: "button narrow", onclick: () => acknowledge([id]) }, words.acknowledge),
      make("button", { type: "button", class: "button narrow", onclick: () => ask(`/alerts/${id}/snooze`) }, words.snooze),
    ),
  );
  const known = cards.get(id);
  if (known) {
    const held = known.element.contains(document.activeElement);
    if (held) return; // what she is about to press stays where it is
    known.element.replaceWith(element);
    clearTimeout(known.timer);
  } else box.append(element);
  const card = { id, element, lasting: severity === "urgent" || severity === "warning", timer: 0 };
  cards.set(id, card);
  leave(card);
  arrange();
}

// One tab of a browser makes the sound: whoever comes first writes down that it was heard.
function hear(id) {
  if (!stored.read("alertSound", false)) return;
  const once = () => {
    const heard = stored.read("heard", []);
    if (heard.includes(id)) return;
    stored.write("heard", [...heard, id].slice(-50));
    note();
  };
  const later = document.visibilityState === "visible" ? 0 : 200;
  setTimeout(() => (navigator.locks ? navigator.locks.request("hub-alert-sound", once) : once()), later);
}

async function came({ id, state, severity }) {
  count();
  refresh();
  seen(id);
  if (state !== "open") return gone(id);
  if (put.has(id)) return;
  try {
    const alert = await api("GET", `/alerts/${id}`);
    if (alert.state !== "open") return gone(id);
    const fresh = !cards.has(id);
    if (fresh) {
      announce(say("alertSaid", { severity: words[`severity-${severity}`], title: alert.title }));
      if (severity === "urgent") hear(id);
    }
    document.dispatchEvent(new CustomEvent("alerted", { detail: alert }));
    if (!listed() && box) show(alert);
  } catch {
    // It has gone meanwhile, or there is no connection: the bell and the list say what is open.
  }
}

async function went({ id }) {
  put.delete(id);
  gone(id);
  for (const row of document.querySelectorAll(`[data-list] > [data-alert="${CSS.escape(id)}"]`)) row.classList.add("over");
  count();
  refresh();
  try {
    const worker = await navigator.serviceWorker?.getRegistration("/");
    for (const shown of (await worker?.getNotifications({ tag: `alert-${id}` })) ?? []) shown.close();
  } catch {
    // A browser that has no notifications has none to close.
  }
}

// What was raised while no page listened comes up when one does: nothing older, and nothing that this browser has shown.
const last = `alertLast.${login}`;
const seen = (id) => BigInt(id) > BigInt(stored.read(last, "0")) && stored.write(last, id);

async function missed() {
  const before = stored.read(last, "");
  try {
    const { items, unread } = await api("GET", `/alerts?state=open&limit=${MOST}`);
    ring(unread);
    if (items.length) seen(items[0].id);
    for (const each of items.reverse()) if (before && BigInt(each.id) > BigInt(before)) came(each);
    if (!items.length && !before) stored.write(last, "1");
  } catch {
    // The stream comes and goes: the next time it is there asks again.
  }
}

on("status", ({ status }) => status === "open" && bell && missed());
on("alert", ({ data }) => data.id && data.severity && came(data));
on("alert-gone", ({ data }) => went(data));

// --- the lists ------------------------------------------------------------------------------------------------------

const PLACES = [["alerts-block", () => "/alerts/now"], ["alerts-list", (list) => `/alerts?state=${list.dataset.state}`]];
let waiting = 0;

function refresh() {
  if (waiting || !listed()) return;
  waiting = setTimeout(async () => {
    waiting = 0;
    for (const [name, path] of PLACES) {
      const list = document.getElementById(name);
      if (!list || new URLSearchParams(location.search).has("before")) continue;
      try {
        const html = await (await part(path(list))).text();
        keeping(list, () => (list.innerHTML = html));
      } catch {
        // Reloading shows all.
      }
    }
  }, 120);
}

// What is in focus, unfolded or ticked stays so; where its line has gone the next one takes the focus.
function keeping(list, change) {
  const rows = () => [...list.querySelectorAll("[data-list] > [data-alert]")];
  const id = (row) => row.dataset.alert;
  const inside = list.contains(document.activeElement) ? document.activeElement : null;
  const at = inside ? rows().findIndex((row) => row.contains(inside)) : -1;
  const row = rows()[at];
  const place = row && [...row.querySelectorAll("a, button, summary, input")].indexOf(inside);
  const held = row && id(row);
  const unfolded = new Set([...list.querySelectorAll("[data-alert] details[open]")].map((each) => id(each.closest("[data-alert]"))));
  const folds = [...list.querySelectorAll(".told-fold")].map((each) => each.open);
  const ticked = new Set([...list.querySelectorAll("input[name=ids]:checked")].map((each) => each.value));
  change();
  for (const each of list.querySelectorAll("[data-alert]")) {
    if (unfolded.has(id(each))) each.querySelector("details")?.setAttribute("open", "");
    const box = each.querySelector("input[name=ids]");
    if (box) box.checked = ticked.has(box.value);
  }
  list.querySelectorAll(".told-fold").forEach((each, number) => (each.open = folds[number] ?? false));
  chosen(list.querySelector("[data-alerts-bulk]"));
  if (at < 0) return;
  const same = rows().find((each) => id(each) === held);
  const next = same ?? rows()[Math.min(at, rows().length - 1)];
  const within = same && place >= 0 ? same.querySelectorAll("a, button, summary, input")[place] : null;
  (within ?? next)?.focus({ preventScroll: true });
}

export async function acknowledge(ids) {
  try {
    await api("POST", "/alerts/acknowledge", { ids });
    for (const id of ids) gone(id);
    count();
    if (document.querySelector("[data-alone]")) location.reload();
    else refresh();
  } catch (error) {
    toast(error.message);
  }
}

export const ask = (path) => htmx.ajax("GET", path, { target: "#dialog" });

function chosen(form) {
  if (!form) return;
  const ticked = form.querySelectorAll("input[name=ids]:checked").length;
  const button = form.querySelector("button[type=submit]");
  if (!button) return;
  button.disabled = !ticked;
  form.querySelector("[data-chosen]").textContent = ticked ? say("chosen", { count: ticked }) : "";
  form.querySelector("[data-all]").checked = ticked > 0 && ticked === form.querySelectorAll("input[name=ids]").length;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-alert-do]");
  const id = button?.closest("[data-alert]")?.dataset.alert;
  if (id) button.dataset.alertDo === "snooze" ? ask(`/alerts/${id}/snooze`) : acknowledge([id]);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-alerts-bulk]");
  if (!form) return;
  if (event.target.matches("[data-all]")) for (const each of form.querySelectorAll("input[name=ids]")) each.checked = event.target.checked;
  chosen(form);
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing() || document.querySelector("dialog[open]")) return;
  const row = document.activeElement?.closest("[data-alert]") ?? document.querySelector("[data-alone]");
  if (!row) return;
  const { alert: id, href } = row.dataset;
  const open = row.querySelector("[data-alert-do]");
  if (event.key === "Enter") {
    if (document.activeElement !== row && document.activeElement !== document.body) return;
    location.assign(href);
  } else if (event.key === "a" && open) acknowledge([id]);
  else if (event.key === "s" && open) ask(`/alerts/${id}/snooze`);
  else return;
  event.preventDefault();
});

// --- until when, and when -------------------------------------------------------------------------------------------

document.addEventListener("submit", async (event) => {
  const bulk = event.target.closest("[data-alerts-bulk]");
  const form = event.target.closest("[data-when]");
  if (!bulk && !form) return;
  event.preventDefault();
  if (bulk) return acknowledge([...bulk.querySelectorAll("input[name=ids]:checked")].map((each) => each.value));
  const { own, note: noted } = Object.fromEntries(new FormData(form));
  const wrong = form.querySelector(".wrong");
  try {
    const at = event.submitter?.value || instant(own);
    if (form.dataset.snooze) {
      await api("POST", `/alerts/${form.dataset.snooze}/snooze`, { until: at });
      gone(form.dataset.snooze);
    } else await api("POST", "/reminders", { interaction: form.dataset.remindOf, due_at: at, note: noted ?? "" });
    form.closest("dialog").close();
    toast(form.dataset.snooze ? words.snoozed : words.reminded, 4);
    count();
    if (document.querySelector("[data-alone]")) location.reload();
    else refresh();
  } catch (error) {
    wrong.textContent = error instanceof RangeError ? words.noTime : error.message;
    wrong.hidden = false;
  }
});

// The page of the calls: the ledger, the lists, the log of calls on other phones; it follows what happens.
import htmx from "htmx.org";
import { api } from "./api.js";
import { agent, instant, part, toast, typing, words } from "./dom.js";
import { on } from "./live.js";
import { offerUndo } from "./undo.js";

const all = document.getElementById("calls");

// The view as the hub has it now. What is read, listened to or typed stays as it is.
export async function refresh() {
  if (!all || document.querySelector("dialog[open]")) return;
  if (all.querySelector("details.entry[open]") || playing() || (typing() && all.contains(document.activeElement))) return;
  const focus = document.activeElement?.closest?.("[data-row]")?.dataset.row;
  const key = document.activeElement?.dataset?.key;
  const html = await (await part(location.pathname + location.search)).text();
  all.innerHTML = html;
  htmx.process(all);
  timers();
  if (!focus) return;
  const row = all.querySelector(`[data-row="${focus}"]`);
  ((key && row?.querySelector(`[data-key="${key}"]`)) || row)?.focus({ preventScroll: true });
}

const playing = () => [...all.querySelectorAll("audio")].some((each) => !each.paused);

let soon = 0;
function later() {
  clearTimeout(soon);
  soon = setTimeout(() => refresh().catch(() => {}), 300);
}
if (all) {
  for (const type of ["call", "dial-list", "dial", "recording", "pops"]) on(type, later);
  on("activity", ({ data }) => data.missed && later());
}

function timers() {
  for (const each of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(each.dataset.since)) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    each.textContent = `${hours ? `${hours}:${two(Math.floor(seconds / 60) % 60)}` : Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  }
}
if (all) {
  document.querySelector(".tab[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  timers();
  setInterval(timers, 1000);
}

async function act(does) {
  try {
    await does();
    await refresh();
  } catch (error) {
    toast(error.message || words.failed);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-take], [data-close-missed], [data-list-act]");
  if (!button) return;
  const { take, closeMissed, listAct, listId, listEntry } = button.dataset;
  if (take) act(() => api("PATCH", `/missed-calls/${take}`, { owner: "me" }));
  if (closeMissed) act(() => api("PATCH", `/missed-calls/${closeMissed}`, { state: "closed" }));
  if (listAct) act(() => api("POST", `/dial-lists/${listId}/${listAct}${listEntry ? `?entry=${listEntry}` : ""}`));
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const does = form.matches?.("[data-log-call]") ? log : form.matches?.("[data-new-list]") ? list : null;
  if (!does) return;
  event.preventDefault();
  const wrong = form.querySelector(".wrong");
  try {
    await does(Object.fromEntries(new FormData(form)));
    form.closest("dialog")?.close();
  } catch (error) {
    wrong.textContent = error.message;
    wrong.hidden = false;
  }
});

async function log({ handle, direction, at, minutes, outcome, note, contact }) {
  await api("POST", "/calls/log", {
    handle, direction, outcome, note, duration: outcome === "completed" ? Math.round(Number(minutes) * 60) : 0,
    ...(at && at !== document.getElementById("log-at").defaultValue ? { at: instant(at) } : {}), ...(contact && handle ? { contact } : {}),
  });
  toast(words.created);
  document.getElementById("dialog").close();
  await refresh();
}

async function list({ name, csv, attempts, retry_minutes }) {
  const { id, refused } = await api("POST", "/dial-lists", { name, csv, attempts: Number(attempts), retry_minutes: Number(retry_minutes) });
  if (refused.length) toast(`${words.leftOut} ${refused.map((row) => `${row.line}: ${row.reason}`).slice(0, 5).join("; ")}`, 10);
  if (!refused.length) location.href = `/calls/lists/${id}`;
  else setTimeout(() => (location.href = `/calls/lists/${id}`), 4000);
}

// A CSV file dropped onto the field is read where it is.
document.addEventListener("drop", async (event) => {
  const field = event.target.closest?.("#list-csv");
  const file = event.dataTransfer?.files?.[0];
  if (!field || !file) return;
  event.preventDefault();
  field.value = await file.text();
});

document.addEventListener("keydown", (event) => {
  if (!all || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing() || document.querySelector("dialog[open]")) return;
  if (event.key === "]" || event.key === "[") {
    const tabs = [...document.querySelectorAll(".tabs .tab")];
    const here = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
    tabs[(here + (event.key === "]" ? 1 : -1) + tabs.length) % tabs.length]?.click();
    return;
  }
  const row = document.activeElement?.closest?.("[data-row]");
  const button = row?.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// "Call back" of an overdue one, told to its owner wherever she is.
on("missed", ({ data }) => {
  if (data.state === "overdue" && data.owner === agent) offerUndo(words.callOverdue, async () => (location.href = "/calls/missed?of=me"), { seconds: 15, word: words.show });
});

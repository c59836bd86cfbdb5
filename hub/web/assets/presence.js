// Who else is here: said every ten seconds, forgotten by the hub after twenty-five, seen by everybody at once.
import { api } from "./api.js";
import { agent, say, words } from "./dom.js";
import { on } from "./live.js";
import { list, shelf } from "./shelf.js";
import { agents } from "./actions.js";

const EVERY = 10000;
const WRITING_FOR = 15000;
const present = new Map();
let here = "";
let wroteAt = 0;
let names = new Map();

const doing = () => (Date.now() - wroteAt < WRITING_FOR ? "writing" : "reading");
const told = (id, what, options) => api("POST", `/conversations/${id}/presence`, { doing: what }, options).catch(() => {});

async function name(id) {
  if (!names.has(id)) names = new Map((await agents()).map((each) => [each.id, each.name]));
  return names.get(id) ?? id;
}

async function show(conversation) {
  const others = (present.get(conversation) ?? []).filter((each) => each.id !== agent);
  const said = [];
  for (const each of others) said.push(say(each.doing === "writing" ? "isWriting" : "isReading", { name: await name(each.id) }));
  const line = document.querySelector(`#desk [data-conversation="${CSS.escape(conversation)}"] .presence`);
  if (line) {
    line.textContent = said.join(words.comma);
    line.classList.toggle("writes", others.some((each) => each.doing === "writing"));
  }
  const mark = list.row(conversation)?.querySelector("[data-presence]");
  if (mark) {
    mark.hidden = !others.length;
    mark.title = said.join(words.comma);
    mark.classList.toggle("writes", others.some((each) => each.doing === "writing"));
  }
}

if (shelf && agent) {
  on("presence", ({ data }) => {
    present.set(data.conversation, data.agents);
    show(data.conversation);
  });
  const arrived = (id) => {
    here = /^\d+$/.test(id) ? id : "";
    wroteAt = 0;
    const others = document.querySelector("#desk [data-conversation]")?.dataset.present;
    if (others) present.set(id, JSON.parse(others));
    if (!here) return;
    if (document.visibilityState === "visible") told(here, "reading");
    show(here);
  };
  document.addEventListener("arrived", ({ detail: { id } }) => arrived(id));
  document.addEventListener("left", ({ detail: { id } }) => {
    if (/^\d+$/.test(id)) told(id, "left");
    here = "";
  });
  document.addEventListener("writing", () => {
    const first = doing() === "reading";
    wroteAt = Date.now();
    if (first && here) told(here, "writing");
  });
  document.addEventListener("wrote", () => {
    wroteAt = 0;
    if (here) told(here, "reading");
  });
  setInterval(() => here && document.visibilityState === "visible" && told(here, doing()), EVERY);
  document.addEventListener("visibilitychange", () => here && told(here, document.visibilityState === "visible" ? doing() : "left", { keepalive: true }));
  addEventListener("pagehide", () => here && told(here, "left", { keepalive: true }));
  // The page may have come with a conversation on its desk.
  const open = document.querySelector("#desk [data-conversation]");
  if (open) arrived(open.dataset.conversation);
}

// Small things that every module needs: the page's words and state, asking the hub, telling the reader.
const read = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");

// What the frame says on every page, what this page adds to it, and what it adds to a part that it shares with another.
export const words = { ...read("words"), ...read("page-words"), ...read("part-words") };
export const state = read("state");
export const agent = document.body.dataset.agent ?? "";
export const login = document.body.dataset.login ?? "";

export const say = (word, facts = {}) => (words[word] ?? word).replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "");

// A part of a page. Where the session has ended the page is loaded anew, which leads to the login.
export async function part(path, options = {}) {
  const response = await fetch(path, {
    ...options,
    headers: { "X-Fragment": "1", "X-CSRF-Token": csrf(), ...(options.headers ?? {}) },
  });
  if (response.status === 401) location.reload();
  if (!response.ok && response.status !== 422) throw new Error(`${path}: ${response.status}`);
  return response;
}

export const csrf = () => document.querySelector("meta[name=csrf]")?.content ?? "";

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

const sprite = new URL(document.querySelector("svg.icon use")?.getAttribute("href") ?? "/static/sprite.svg", location.href);

export function icon(name, more = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${more}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite.pathname}${sprite.search}#${name}`);
  svg.append(use);
  return svg;
}

export function toast(text, seconds = 5) {
  const box = make("div", { class: "toast" }, text);
  document.getElementById("toasts")?.append(box);
  setTimeout(() => box.remove(), seconds * 1000);
}

export function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

// Whether somebody is typing: then no single key means anything else.
export const typing = (element = document.activeElement) =>
  !!element?.closest?.("input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable=true]");

// A moment as a field has it (2026-03-02T09:30, on the reader's own clock, which need not be the computer's), in UTC.
export function instant(text) {
  const guess = Date.parse(`${text}Z`);
  const format = new Intl.DateTimeFormat("en-US", { timeZone: words.zone || undefined, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
  const ahead = (moment) => {
    const at = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) - moment;
  };
  return new Date(guess - ahead(guess - ahead(guess))).toISOString();
}

export const stored = {
  read: (name, otherwise) => {
    try {
      return JSON.parse(localStorage.getItem(`hub.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write: (name, value) => {
    try {
      localStorage.setItem(`hub.${name}`, JSON.stringify(value));
    } catch {
      // A full or forbidden storage only costs what would have been remembered.
    }
  },
};

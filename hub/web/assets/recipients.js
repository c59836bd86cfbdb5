// To, Cc and Bcc: addresses as chips, with people to choose from, and what is known to be undeliverable said at once.
import { api } from "./api.js";
import { icon, make, say, words } from "./dom.js";
import { suggesting } from "./suggest.js";

const ADDRESS = /^[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+$/;
const known = new Map();

// "Li Na <li@example.org>, b@example.org" as [{address, name}], and the rest that is no address.
const parse = (text) => text.split(/[,;，；\n]+/).map((piece) => piece.trim()).filter(Boolean).map(one);

// One of them, as letters and drafts keep it.
function one(text) {
  const [, name, address] = text.match(/^"?(.*?)"?\s*<([^<>]+)>$/) ?? [null, "", text];
  return { address, name, wrong: !ADDRESS.test(address) };
}

export const spelt = ({ address, name }) => (name ? `${name.replace(/[<>"]/g, "")} <${address}>` : address);

export class Recipients {
  constructor(box, { change, undeliverable }) {
    this.box = box;
    this.change = change;
    this.people = [];
    for (const [address, why] of Object.entries(undeliverable)) known.set(address.toLowerCase(), why);
    this.input = box.querySelector("input");
    this.input.setAttribute("role", "combobox");
    this.input.setAttribute("aria-expanded", "false");
    suggesting(this.input, {
      label: this.input.getAttribute("aria-label"),
      word: (field) => (field.value.trim().length > 1 && document.activeElement === field ? field.value.trim() : null),
      find: (q) => this.find(q),
      pick: (person) => {
        this.input.value = "";
        this.add([person]);
      },
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (["Enter", ",", ";", "Tab"].includes(event.key) && this.input.value.trim()) {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return this.settle();
        if (event.key !== "Tab") event.preventDefault();
        this.settle();
      } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) event.preventDefault();
      else if (event.key === "Backspace" && !this.input.value && this.people.length) {
        this.people.pop();
        this.show();
        this.change();
      }
    });
    this.input.addEventListener("blur", () => setTimeout(() => document.activeElement !== this.input && this.settle(), 150));
    this.input.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      if (!/[,;@]/.test(text)) return;
      event.preventDefault();
      this.add(parse(text));
    });
    box.addEventListener("click", (event) => event.target === box && this.input.focus());
  }

  async find(q) {
    const { items } = await api("GET", `/contacts?${new URLSearchParams({ q, limit: 8 })}`);
    const taken = new Set(this.people.map((each) => each.address.toLowerCase()));
    return items.flatMap((contact) =>
      contact.handles
        .map((each) => each.handle ?? each)
        .filter((handle) => handle.startsWith("mailto:") && !taken.has(handle.slice(7).toLowerCase()))
        .map((handle) => ({ label: contact.name, hint: handle.slice(7), face: [...contact.name][0], value: { address: handle.slice(7), name: contact.name } })),
    );
  }

  settle() {
    const text = this.input.value.trim();
    this.input.value = "";
    if (text) this.add(parse(text));
  }

  add(people) {
    for (const person of people) {
      if (this.people.some((each) => each.address.toLowerCase() === person.address.toLowerCase())) continue;
      this.people.push({ wrong: !ADDRESS.test(person.address), ...person });
    }
    this.show();
    this.change();
    for (const person of people) this.look(person);
  }

  set(people) {
    this.people = (people ?? []).map(one);
    this.input.value = "";
    this.show();
    for (const person of this.people) this.look(person);
  }

  async look({ address, wrong }) {
    const name = address.toLowerCase();
    if (wrong || known.has(name)) return this.show();
    try {
      known.set(name, await api("GET", `/undeliverable/${encodeURIComponent(name)}`));
    } catch (error) {
      if (error.status === 404) known.set(name, null);
    }
    if (known.get(name)) {
      this.show();
      this.change();
    }
  }

  // Who cannot be reached, with the reason; `lift` takes the mark away.
  get refused() {
    return this.people.map((each) => ({ ...each, why: known.get(each.address.toLowerCase()) })).filter((each) => each.why);
  }

  get wrong() {
    return this.people.filter((each) => each.wrong);
  }

  async lift(address) {
    await api("DELETE", `/undeliverable/${encodeURIComponent(address.toLowerCase())}`);
    known.set(address.toLowerCase(), null);
    this.show();
    this.change();
  }

  show() {
    for (const chip of this.box.querySelectorAll(".recipient")) chip.remove();
    this.input.before(
      ...this.people.map((each) => {
        const bad = each.wrong || known.get(each.address.toLowerCase());
        return make(
          "span", { class: `recipient${bad ? " bad" : ""}`, title: each.address },
          bad ? icon("warn") : null,
          make("span", { class: "cut" }, each.name || each.address),
          make("button", { type: "button", "aria-label": say("removeOne", { name: each.name || each.address }), onclick: () => this.drop(each) }, icon("close")),
        );
      }),
    );
    this.input.placeholder = this.people.length ? "" : words.addAddress;
  }

  drop(person) {
    this.people = this.people.filter((each) => each !== person);
    this.show();
    this.change();
    this.input.focus();
  }
}

// Files that go with a letter: chosen, pasted or dropped; uploaded at once, with their progress.
import { csrf, icon, make, say, toast, words } from "./dom.js";
import { api } from "./api.js";

const LARGEST = 25_000_000;

export class Files {
  constructor(box, change, largest = LARGEST) {
    this.largest = Math.min(largest, LARGEST);
    this.box = box;
    this.change = change;
    this.files = [];
  }

  set(files) {
    for (const each of this.files) each.request?.abort();
    this.files = (files ?? []).map((each) => ({ ...each }));
    this.show();
  }

  get ids() {
    return this.files.filter((each) => each.id).map((each) => each.id);
  }

  get known() {
    return this.files.filter((each) => each.id).map(({ id, name, media_type, size }) => ({ id, name, media_type, size }));
  }

  get busy() {
    return this.files.some((each) => !each.id);
  }

  add(chosen) {
    for (const file of chosen) {
      if (file.size > this.largest) toast(say("tooLarge", { name: file.name, most: Math.round(this.largest / 1e6) }), 6);
      else this.send(file);
    }
  }

  send(file) {
    const entry = { name: file.name || words.pasted, size: file.size, done: 0 };
    const request = (entry.request = new XMLHttpRequest());
    const facts = new URLSearchParams({ name: entry.name, type: file.type || "application/octet-stream" });
    request.open("POST", `/api/v1/uploads?${facts}`);
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      entry.done = event.total ? event.loaded / event.total : 0;
      entry.bar?.style.setProperty("--done", String(entry.done));
    });
    request.addEventListener("load", () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // No answer of ours: the status says that it failed.
      }
      if (request.status >= 300 || !answer?.id) return this.failed(entry, answer?.detail);
      Object.assign(entry, answer, { request: null });
      this.show();
      this.change();
    });
    request.addEventListener("error", () => this.failed(entry));
    this.files.push(entry);
    this.show();
    request.send(file);
  }

  failed(entry, why) {
    toast(why || say("notUploaded", { name: entry.name }), 6);
    this.files = this.files.filter((each) => each !== entry);
    this.show();
  }

  drop(entry) {
    entry.request?.abort();
    this.files = this.files.filter((each) => each !== entry);
    if (entry.id) api("DELETE", `/uploads/${entry.id}`).catch(() => {});
    this.show();
    this.change();
  }

  show() {
    this.box.hidden = !this.files.length;
    this.box.replaceChildren(
      ...this.files.map((each) => {
        const chip = make(
          "li", { class: each.id ? "file" : "file going" },
          icon("attach"), make("span", { class: "cut" }, each.name), make("span", { class: "small muted nowrap" }, size(each.size)),
          make("button", { type: "button", "aria-label": say("removeOne", { name: each.name }), onclick: () => this.drop(each) }, icon("close")),
        );
        each.bar = chip;
        chip.style.setProperty("--done", String(each.id ? 1 : each.done ?? 0));
        return chip;
      }),
    );
  }
}

const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

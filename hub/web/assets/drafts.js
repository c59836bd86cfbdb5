// What one has begun to write: in this browser at once, at the hub within a second, and at the hub later where it is out
// of reach now.
import { api } from "./api.js";
import { login, stored } from "./dom.js";
import { on } from "./live.js";

const PAUSE = 600;
const RETRY = 5000;

export class Draft {
  // *told* hears "saving", "saved" or "kept" (in this browser only, so far).
  constructor(conversation, told) {
    this.conversation = conversation;
    this.key = `draft.${login}.${conversation}`;
    this.told = told;
    this.timer = 0;
  }

  // What was typed here and has not reached the hub.
  get unsaved() {
    return stored.read(this.key, null);
  }

  change(content) {
    this.content = content;
    stored.write(this.key, content);
    this.told("saving");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), PAUSE);
  }

  async save() {
    clearTimeout(this.timer);
    const content = this.content;
    if (!content) return;
    if (this.conversation === "new") return this.told("kept");
    try {
      const { files, ...wire } = content; // files: what the uploads are called, for this browser alone
      await api("PUT", `/conversations/${this.conversation}/draft`, wire);
      if (this.content === content) {
        localStorage.removeItem(`hub.${this.key}`);
        this.told("saved");
      }
    } catch (error) {
      this.told("kept");
      if (!error.status || error.status >= 500) this.timer = setTimeout(() => this.save(), RETRY);
    }
  }

  // It was sent, or is not wanted any more. The hub forgets its copy where *there* is true.
  async forget(there = true) {
    clearTimeout(this.timer);
    this.content = null;
    localStorage.removeItem(`hub.${this.key}`);
    if (!there || this.conversation === "new") return;
    await api("DELETE", `/conversations/${this.conversation}/draft`).catch(() => {});
  }

  // One leaves the conversation: what waits for its second goes now.
  leave() {
    if (this.content && this.unsaved) this.save();
  }
}

on("status", ({ status }) => status === "open" && document.dispatchEvent(new CustomEvent("reachable")));

// What rings, as one browser knows it. One of these runs per browser: in a SharedWorker, or in the tab that leads.
//
// The stream gives hints; `ringing`, once a second, is the truth: what is not in it has gone, what is unknown is
// fetched, and what was withdrawn never returns.

const REMEMBERED = 500;
const LOST_AFTER = 1500;
const SILENT_AFTER = 8000;

export class LiveCore {
  // tell(tab, message) sends to one tab, or to all of them where tab is null.
  constructor(tell) {
    this.tell = tell;
    this.tabs = new Map();
    this.login = null;
    this.reset();
  }

  reset() {
    this.stop();
    this.pops = new Map();
    this.gone = new Set();
    this.done = new Set();
    this.rung = new Set();
    this.ringer = new Map();
    this.stated = false;
    this.status = "connecting";
  }

  hear(tab, message) {
    const act = {
      hello: () => this.hello(tab, message),
      bye: () => this.bye(tab),
      seen: () => this.tabs.set(tab, Date.now()),
      dismiss: () => this.withdraw(message.id, "dismissed"),
      restore: () => this.gone.delete(message.id),
      done: () => this.finish(message.id),
      draft: () => this.draft(tab, message),
    }[message.type];
    act?.();
  }

  hello(tab, { login, agent, pops, ended, rung, visible }) {
    if (this.login !== login) {
      this.reset();
      this.login = login;
      this.agent = agent;
    }
    this.tabs.set(tab, visible ? Date.now() : 0);
    rung.forEach((id) => this.rung.add(id));
    if (!this.stated) pops.forEach((pop) => this.take(pop, true));
    ended.forEach((pop) => !this.done.has(pop.id) && !this.pops.has(pop.id) && this.pops.set(pop.id, pop));
    if (!this.source) this.connect();
    this.tell(tab, { type: "status", status: this.status });
    this.show(tab);
    for (const pop of this.pops.values()) if (!this.ringer.has(pop.id)) this.ring(pop);
  }

  bye(tab) {
    this.tabs.delete(tab);
    for (const [id, ringer] of this.ringer) {
      if (ringer === tab) {
        this.ringer.delete(id);
        const pop = this.pops.get(id);
        if (pop) this.ring(pop);
      }
    }
    if (!this.tabs.size) {
      this.stop();
      this.status = "connecting";
    }
  }

  // --- the stream ---

  connect() {
    this.stop();
    const source = (this.source = new EventSource("/live"));
    source.onopen = () => this.open();
    source.onerror = () => this.failed(source);
    source.addEventListener("pop", (event) => this.take(JSON.parse(event.data)));
    source.addEventListener("pop-withdrawn", (event) => {
      const { id, reason } = JSON.parse(event.data);
      this.withdraw(id, reason);
    });
    source.addEventListener("ringing", (event) => this.state(JSON.parse(event.data).pops));
    for (const type of ["activity", "alert", "alert-gone", "presence", "call", "availability", "wrap-up", "dial", "dial-list", "missed", "recording", "booking", "calendar", "watch"]) {
      source.addEventListener(type, (event) => this.tell(null, { type, data: JSON.parse(event.data) }));
    }
    this.lost ??= setTimeout(() => this.told("lost"), LOST_AFTER);
  }

  stop() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.again);
    clearTimeout(this.silence);
    clearTimeout(this.lost);
    this.again = this.silence = this.lost = null;
  }

  open() {
    clearTimeout(this.lost);
    this.lost = null;
    this.tries = 0;
    this.told("open");
  }

  failed(source) {
    if (source !== this.source) return;
    this.lost ??= setTimeout(() => this.told("lost"), LOST_AFTER);
    if (source.readyState === EventSource.CLOSED) this.retry();
  }

  // The browser gives up on an answer that is no stream: find out whether the session has ended, else try again.
  async retry() {
    const wait = Math.min(15000, 500 * 2 ** (this.tries = (this.tries ?? 0) + 1));
    try {
      const response = await fetch("/api/v1/sessions", { headers: { Accept: "application/json" } });
      if (response.status === 401) {
        this.stop();
        this.pops.clear();
        this.told("signed-out");
        this.show();
        this.login = null;
        return;
      }
    } catch {
      // No connection: that is what the retry is for.
    }
    clearTimeout(this.again);
    this.again = setTimeout(() => this.tabs.size && this.connect(), wait);
  }

  told(status) {
    if (this.status === status) return;
    this.status = status;
    this.tell(null, { type: "status", status });
  }

  // --- the pops ---

  take(pop, early = false) {
    const known = this.pops.get(pop.id);
    if (this.gone.has(pop.id) || (known && known.revision >= pop.revision)) return;
    this.pops.set(pop.id, pop);
    if (!early) this.show();
    this.ring(pop);
  }

  withdraw(id, reason) {
    if (this.gone.has(id)) return;
    this.gone.add(id);
    if (this.gone.size > REMEMBERED) this.gone.delete(this.gone.values().next().value);
    const pop = this.pops.get(id);
    this.ringer.delete(id);
    if (!pop || pop.state === "over") return;
    if (pop.state === "answered" && pop.mine && reason !== "dismissed") {
      this.pops.set(id, { ...pop, state: "over", ended: Date.now() });
    } else {
      this.pops.delete(id);
      this.tell(null, { type: "withdrawn", pop, reason });
    }
    this.show();
  }

  state(stated) {
    this.stated = true;
    this.told("open");
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.connect(), SILENT_AFTER);
    const ringing = new Map(stated);
    for (const pop of [...this.pops.values()]) {
      if (pop.state !== "over" && !ringing.has(pop.id)) this.withdraw(pop.id, "over");
    }
    const stale = ([id, revision]) => !this.gone.has(id) && (this.pops.get(id)?.revision ?? 0) < revision;
    if (stated.some(stale)) this.fetch();
  }

  async fetch() {
    if (this.fetching) return;
    this.fetching = true;
    try {
      const response = await fetch("/api/v1/pops", { headers: { Accept: "application/json" } });
      if (response.ok) for (const pop of (await response.json()).items) this.take(pop);
    } catch {
      // The next `ringing` comes within a second and asks again.
    } finally {
      this.fetching = false;
    }
  }

  finish(id) {
    this.done.add(id);
    this.pops.delete(id);
    this.show();
  }

  draft(from, message) {
    for (const tab of this.tabs.keys()) if (tab !== from) this.tell(tab, message);
  }

  show(tab = null) {
    this.tell(tab, { type: "pops", pops: [...this.pops.values()] });
  }

  // One tab rings for the browser: the one that was looked at last. A call sounds once.
  ring(pop) {
    if (pop.state !== "ringing" || !this.tabs.size || this.ringer.has(pop.id)) return;
    const [tab] = [...this.tabs].sort((one, other) => other[1] - one[1])[0];
    this.ringer.set(pop.id, tab);
    this.tell(tab, { type: "ring", pop, quiet: this.rung.has(pop.id) });
    this.rung.add(pop.id);
  }
}

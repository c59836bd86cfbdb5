// The sound and the desktop notification of a call. One tab does this for the whole browser.
import { say, stored, words } from "./dom.js";

const shown = new Map();

export function ring(pop, quiet, open) {
  const rung = stored.read("rung", []);
  if (!quiet && !rung.includes(pop.id)) {
    stored.write("rung", [...rung, pop.id].slice(-30));
    if (stored.read("sound", true)) sound();
  }
  notify(pop, open);
}

export function stopRinging(id) {
  shown.get(id)?.close();
  shown.delete(id);
}

addEventListener("pagehide", () => [...shown.keys()].forEach(stopRinging));

function notify(pop, open) {
  if (!("Notification" in window) || Notification.permission !== "granted" || shown.has(pop.id)) return;
  const who = pop.candidates.length === 1 ? pop.candidates[0].contact : null;
  const number = pop.handle.replace(/^\w+:/, "");
  try {
    const note = new Notification(say("calling", { who: who?.name ?? (number ? words.unknown : words.withheld) }), {
      body: [who?.company, number].filter(Boolean).join(" · "),
      tag: `hub-pop-${pop.id}`,
      icon: document.querySelector("link[rel=icon]")?.href,
      requireInteraction: true,
      silent: true,
    });
    note.onclick = () => {
      window.focus();
      note.close();
      open?.();
    };
    shown.set(pop.id, note);
  } catch {
    // Android shows notifications from service workers only: the card and the sound must do.
  }
}

let context = null;

// Two soft notes, a fifth apart: a call.
export const sound = () => play([659.3, 987.8], 0.18);

// One note, softer: an alert.
export const note = () => play([784], 0.1);

// Browsers keep quiet until the page was touched once.
function play(pitches, loudness) {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
  const start = context.currentTime + 0.02;
  pitches.forEach((pitch, place) => {
    const at = start + place * 0.16;
    const tone = new OscillatorNode(context, { type: "sine", frequency: pitch });
    const loud = new GainNode(context, { gain: 0 });
    loud.gain.setValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(loudness, at + 0.02);
    loud.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    tone.connect(loud).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.55);
  });
}

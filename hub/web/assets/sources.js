// Sources: the page follows what happens to them, and administrators hear of trouble wherever they are.
import htmx from "htmx.org";
import { say, toast } from "./dom.js";
import { on } from "./live.js";

const OFTEN = 1000;
let waiting = 0;

function follow() {
  const page = document.getElementById("sources");
  if (!page || waiting || document.visibilityState !== "visible") return;
  waiting = setTimeout(() => {
    waiting = 0;
    if (!document.querySelector("dialog[open]")) htmx.trigger(page, "refresh");
  }, OFTEN);
}

on("activity", ({ data }) => data.sources && follow());

// The rules tell most of trouble as an alert, with a card of its own: then nothing is said twice.
const told = new Map();
document.addEventListener("alerted", ({ detail }) => {
  if (detail.about?.source) told.set(detail.about.source, Date.now());
});

on("alert", ({ data }) => {
  if (data.kind !== "source") return;
  follow();
  if (data.state === "listening") toast(say("sourceWell", { name: data.source }), 8);
  else setTimeout(() => Date.now() - (told.get(data.source) ?? 0) > 2 * OFTEN && toast(say("sourceTrouble", { name: data.source }), 8), OFTEN);
});

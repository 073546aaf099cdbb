"use strict";
const { labels, groups } = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const make = (tag, name, ...inside) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inside);
  return made;
};
const CLASSES = { "+": "added", "-": "removed", "@": "at" };
const classOf = (line) => (/^(---|\+\+\+) /.test(line) ? "at" : CLASSES[line[0]] || "");
const hidden = new Set();

const entryOf = (entry) => {
  const head = [make("span", `sign ${CLASSES[entry.sign] || ""}`, entry.sign), make("span", "title", entry.title), make("span", "place", entry.place)];
  if (!entry.lines.length) return make("div", "entry bare", ...head);
  const made = make("details", "entry", make("summary", "", ...head));
  made.open = true;
  const lines = entry.lines.map((line) => make("span", classOf(line.trimStart()), line || " "));
  made.append(make("pre", "", ...lines));
  return made;
};

// What is in a group is made when it is first opened: most never are.
const fill = (group) => {
  if (!group.filled) group.shown.append(...group.entries.map(entryOf));
  group.filled = true;
};

for (const [number, group] of groups.entries()) {
  const hosts = `${group.hosts.length} host${group.hosts.length > 1 ? "s" : ""}`;
  const count = labels[group.state] + (group.entries.length > 1 ? ` (${group.entries.length})` : "");
  const summary = make(
    "summary", "", make("span", "count", hosts), make("span", "names", group.hosts.join(", ")), make("span", "what", count),
  );
  group.shown = make("details", `group ${group.state}`, summary);
  group.shown.id = `group-${number}`;
  group.shown.addEventListener("toggle", () => group.shown.open && fill(group));
  const texts = group.entries.flatMap((entry) => [entry.title, entry.place, ...entry.lines]);
  group.text = [...group.hosts, ...texts].join("\n").toLowerCase();
  at("groups").append(group.shown);
}

const states = Object.keys(labels).filter((state) => groups.some((group) => group.state === state));
for (const state of states) {
  const own = groups.filter((group) => group.state === state);
  const hosts = own.flatMap((group) => group.hosts.map((host) => [host, group])).sort(([a], [b]) => (a < b ? -1 : 1));
  const button = make("button", state, `${labels[state]} ${hosts.length}`);
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  button.addEventListener("click", () => {
    if (!hidden.delete(state)) hidden.add(state);
    button.setAttribute("aria-pressed", String(!hidden.has(state)));
    filter();
  });
  at("states").append(button);
  const section = make("section", "", make("h2", state, `${labels[state]} ${hosts.length}`));
  for (const [host, group] of hosts) {
    const link = make("a", "", host);
    link.href = `#${group.shown.id}`;
    link.title = host;
    link.addEventListener("click", () => { group.shown.open = true; });
    (group.links ??= []).push([link, host.toLowerCase()]);
    section.append(link);
  }
  own.forEach((group) => { group.section = section; });
  at("list").append(section);
}

const matching = () => groups.filter((group) => !group.shown.hidden);

function filter() {
  const wanted = at("search").value.trim().toLowerCase();
  const sections = new Set();
  for (const group of groups) {
    const shown = !hidden.has(group.state) && group.text.includes(wanted);
    group.shown.hidden = !shown;
    // Who looks for a host sees that host; who looks for a line sees all hosts that have it.
    const named = group.links.filter(([, host]) => host.includes(wanted));
    for (const [link, host] of group.links) link.hidden = !shown || (named.length > 0 && !host.includes(wanted));
    if (shown) sections.add(group.section);
  }
  for (const section of at("list").children) section.hidden = !sections.has(section);
  at("nothing").hidden = matching().length > 0;
}

const foldAll = (open) => {
  for (const group of matching()) {
    if (open) fill(group);
    group.shown.open = open;
  }
  at("fold").textContent = open ? "Close all" : "Open all";
};

const step = (by) => {
  const shown = matching().map((group) => group.shown.firstChild);
  const now = shown.findIndex((summary) => summary.parentElement.contains(document.activeElement));
  const next = shown[now < 0 ? (by > 0 ? 0 : shown.length - 1) : now + by];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
};

const KEYS = {
  "/": () => at("search").focus(),
  j: () => step(1),
  k: () => step(-1),
  o: () => foldAll(at("fold").textContent === "Open all"),
};
document.addEventListener("keydown", (event) => {
  if (event.target === at("search")) {
    if (event.key === "Escape") {
      at("search").value = "";
      filter();
      at("search").blur();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});
at("search").addEventListener("input", filter);
at("fold").addEventListener("click", () => foldAll(at("fold").textContent === "Open all"));

// Paper cannot be opened: all that matches is printed.
let before = [];
window.addEventListener("beforeprint", () => {
  before = groups.map((group) => group.shown.open);
  foldAll(true);
});
window.addEventListener("afterprint", () => {
  groups.forEach((group, number) => { group.shown.open = before[number]; });
  at("fold").textContent = "Open all";
});

const measure = () => document.documentElement.style.setProperty("--head", `${document.querySelector("header").offsetHeight}px`);
window.addEventListener("resize", measure);
measure();
if (window.matchMedia("(max-width: 48rem)").matches) at("hosts").open = false;
const first = groups.filter((group) => group.state !== "same");
if (first.length && first.length <= 3) first.forEach((group) => { group.shown.open = true; });

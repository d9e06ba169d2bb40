// Judging pairs by key. Without this file every button still works as a plain form.
// What is sent waits in the browser until the server has it: a session that ends, or a line that is lost, loses nothing.
"use strict";

(() => {
  const root = document.getElementById("labelling");
  if (!root) return;
  const place = document.getElementById("pair");
  const strip = document.getElementById("last");
  const trouble = document.getElementById("trouble");
  const KEPT = `jitsuri.pairs.${root.dataset.trial}`;
  const LONGEST_TOOK_MS = 30 * 60 * 1000;
  const CHOOSES = 1;
  const TAKES_BACK = 2;
  const READY_MS = 150; // a second press of the same finger is not a judgement of the next pair

  let shownAt = performance.now();
  let asksSide = false;
  let goes = 0;
  let next = null;
  let last = JSON.parse(root.dataset.last || "{}");
  let sending = null; // while something is on its way: done when nothing waits any more, or nothing can be sent
  let takesBack = false;

  for (const part of document.querySelectorAll(".no-script")) part.hidden = true;

  const isWriting = (target) =>
    target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
  const isComposing = (event) => event.isComposing || event.keyCode === 229;
  const pair = () => place.querySelector("[data-pair]");

  // -- what waits to be sent, in order; kept for the person and tab that said it
  const queue = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
      return kept && kept.who === root.dataset.who ? kept.waits : [];
    } catch {
      return [];
    }
  };
  const keep = (waits) => {
    if (waits.length) sessionStorage.setItem(KEPT, JSON.stringify({ who: root.dataset.who, waits }));
    else sessionStorage.removeItem(KEPT);
  };
  const tell = (text, href = "") => {
    trouble.replaceChildren();
    trouble.hidden = !text;
    if (!text) return;
    const line = document.createElement("p");
    line.textContent = text;
    if (href) {
      const link = document.createElement("a");
      link.href = href;
      link.textContent = root.dataset.expired;
      line.append(" ", link);
    }
    trouble.append(line);
  };
  const send = () => {
    sending ??= sendAll();
    return sending;
  };
  const sendAll = async () => {
    await null; // what is said from here on is seen below
    try {
      for (let waits = queue(); waits.length; waits = queue()) {
        const [path, fields] = waits[0];
        const answer = await fetch(path, { method: "POST", body: new URLSearchParams([...fields, ["csrf", root.dataset.csrf]]) });
        const told = await answer.json();
        if (answer.status === 401 || answer.status === 403) {
          tell(root.dataset.unsent, `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
          return;
        }
        if (answer.status >= 500) throw new Error(answer.statusText);
        keep(queue().slice(1));
        if (answer.ok) {
          tell("");
          show(told);
        } else {
          tell(told.error.message);
        }
      }
    } catch {
      tell(root.dataset.unsent);
      setTimeout(send, 5000);
    } finally {
      sending = null;
    }
  };
  const say = (path, fields) => {
    keep([...queue(), [path, fields]]);
    return send();
  };
  const show = (told) => {
    document.getElementById("told").textContent = told.told;
    document.getElementById("left").textContent = told.left;
    const bar = document.getElementById("done");
    bar.max = told.drawn;
    bar.value = told.done;
  };

  const held = () =>
    new Set([pair()?.dataset.pair, last.pair, ...queue().map(([, fields]) => fields[0][1])].filter(Boolean));

  // -- the pair that comes next is there before it is asked for
  const fetchNext = async (first = "") => {
    const asked = new URLSearchParams({ trial: root.dataset.trial });
    if (first) asked.set("first", first);
    // besides what is on the screen, what has been said and may still be on its way
    else for (const one of held()) asked.append("besides", one);
    const answer = await fetch(`/pairs/next?${asked}`, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.text();
  };
  const prefetch = () => {
    next = null;
    if (!pair()) return;
    next = fetchNext().catch(() => null);
  };
  const put = (html) => {
    place.innerHTML = html;
    for (const part of place.querySelectorAll(".no-script")) part.hidden = true;
    shownAt = performance.now();
    asksSide = false;
    scrollTo({ top: 0 });
    pair()?.focus({ preventScroll: true });
    prefetch();
  };
  const showLast = () => {
    strip.hidden = !last.pair;
    if (!last.pair) return;
    const said = document.querySelector(`template[data-said="${CSS.escape(last.press)}"]`);
    document.getElementById("last-said").textContent = said.content.textContent;
    strip.querySelector("[name=pair]").value = last.pair;
    strip.querySelector("[name=version]").value = last.version;
    for (const button of strip.querySelectorAll("[data-reason]")) {
      button.setAttribute("aria-pressed", String(last.reasons.includes(button.dataset.reason)));
    }
  };
  const fieldsOf = (said) => [
    ["pair", said.pair], ["version", String(said.version)], ["press", said.press], ["note", said.note],
    ["took_ms", String(said.took_ms)], ...said.reasons.map((code) => ["reason", code]),
    ...(said.critical_left ? [["critical_left", "yes"]] : []), ...(said.critical_right ? [["critical_right", "yes"]] : []),
  ];

  const choose = async (press) => {
    const here = pair();
    if (!here || goes || performance.now() - shownAt < READY_MS) return;
    goes = CHOOSES;
    const form = here.querySelector("form");
    const said = {
      pair: here.dataset.pair, version: Number(here.dataset.version), press, note: form.elements.note.value.trim(),
      critical_left: form.elements.critical_left.checked, critical_right: form.elements.critical_right.checked, reasons: [],
      took_ms: Math.round(Math.min(LONGEST_TOOK_MS, Math.max(1, performance.now() - shownAt))),
    };
    form.querySelector(`[value="${CSS.escape(press)}"]`).classList.add("pressed");
    const ready = next;
    const sent = say("/api/pairs/labels", fieldsOf(said));
    last = { ...said, version: said.version + 1 };
    showLast();
    try {
      let html = await ready;
      if (html === null || html === undefined || html.includes("data-none")) {
        await sent; // what was ready was asked for while this pair was still open
        html = queue().length ? html : await fetchNext();
      }
      if (html) put(html);
    } catch {
      tell(root.dataset.unsent);
    }
    goes = 0;
    if (takesBack) {
      takesBack = false;
      undo();
    }
  };
  const undo = async () => {
    if (goes === CHOOSES) takesBack = true; // once the next pair has come
    if (!last.pair || goes) return;
    goes = TAKES_BACK;
    const taken = last;
    await say("/api/pairs/undo", [["pair", taken.pair], ["version", String(taken.version)]]);
    try {
      if (!queue().length) {
        last = {};
        showLast();
        put(await fetchNext(taken.pair));
      }
    } catch {
      tell(root.dataset.unsent);
    }
    goes = 0;
  };
  const toggle = (code) => {
    if (!last.pair || last.press === "skip") return;
    const reasons = last.reasons.includes(code) ? last.reasons.filter((one) => one !== code) : [...last.reasons, code];
    const said = { ...last, reasons };
    say("/api/pairs/labels", fieldsOf(said));
    last = { ...said, version: said.version + 1 };
    showLast();
  };
  const ask = (on) => {
    asksSide = on;
    place.querySelector(".grave")?.classList.toggle("asks", on);
  };
  const act = (key) => {
    if (asksSide) {
      ask(false);
      const box = { 1: "critical_left", 3: "critical_right" }[key];
      if (!box) return key === "x" || key === "Escape";
      const field = pair()?.querySelector(`[name=${box}]`);
      if (field) field.checked = !field.checked;
      return true;
    }
    if (key === "x" && pair()) {
      ask(true);
      return true;
    }
    if (key === "n" && pair()) {
      place.querySelector("details.more").open = true;
      place.querySelector("#note").focus();
      return true;
    }
    if (key === "u") {
      undo();
      return true;
    }
    const button = [...place.querySelectorAll(".presses [data-key]")].find((one) => one.dataset.key === key);
    if (button) {
      choose(button.value);
      return true;
    }
    const reason = [...strip.querySelectorAll("[data-reason]")].find((one) => one.dataset.key === key);
    if (reason) {
      toggle(reason.dataset.reason);
      return true;
    }
    return false;
  };

  let wentTo = 0; // after g a letter names a page, not a reason
  document.addEventListener("keydown", (event) => {
    if (isComposing(event) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "Escape" && event.target.id === "note") event.target.blur();
    if (isWriting(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "g") {
      wentTo = event.timeStamp;
      return;
    }
    if (wentTo && event.timeStamp - wentTo < 1500) {
      wentTo = 0;
      return;
    }
    if (act(event.key)) event.preventDefault();
  });
  // Enter in the note ends writing; it never decides.
  place.addEventListener("keydown", (event) => {
    if (event.target.id !== "note" || event.key !== "Enter") return;
    event.preventDefault();
    if (!isComposing(event)) event.target.blur();
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.hasAttribute("data-help")) document.getElementById("keys").showModal();
    if (button.dataset.reason) toggle(button.dataset.reason);
    if (button.name === "press") {
      event.preventDefault();
      if (event.detail < 2) choose(button.value);
    }
    if (button.closest("form.undo")) {
      event.preventDefault();
      if (event.detail < 2) undo();
    }
  });

  showLast();
  prefetch();
  send();
})();

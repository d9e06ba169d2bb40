// Keys and small conveniences. Every page works without this file.
// Keys never act while an input method composes, while a person writes, or together with Ctrl, Alt or Meta.
"use strict";

(() => {
  const GO_WAIT_MS = 1500;
  const SENT_WAIT_MS = 8000;
  let goSince = 0;

  const isWriting = (target) =>
    target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

  const isComposing = (event) => event.isComposing || event.keyCode === 229;

  const showKeys = () => {
    const dialog = document.getElementById("keys");
    if (dialog && !dialog.open) dialog.showModal();
  };

  const act = (event) => {
    if (event.key === "/") {
      const filter = document.querySelector("[data-filter]");
      if (!filter) return false;
      filter.focus();
      if (filter.select) filter.select();
      return true;
    }
    if (event.key === "?") {
      showKeys();
      return true;
    }
    if (event.key === "g") {
      goSince = event.timeStamp;
      return true;
    }
    if (goSince && event.timeStamp - goSince < GO_WAIT_MS) {
      goSince = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (!link) return false;
      link.click();
      return true;
    }
    goSince = 0;
    return false;
  };

  document.addEventListener("keydown", (event) => {
    if (isComposing(event) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (isWriting(event.target) || document.querySelector("dialog[open]")) return;
    if (act(event)) event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-close], [data-print]");
    if (button && button.hasAttribute("data-close")) button.closest("dialog").close();
    if (button && button.hasAttribute("data-print")) window.print();
    if (button && button.hasAttribute("data-copy")) {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = button.dataset.done;
      } catch {
        getSelection().selectAllChildren(source); // no clipboard outside https and localhost: the text is marked instead
      }
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || isComposing(event)) return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // One press is one request: a form that is on its way takes no second press.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent && form.method === "post") event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, SENT_WAIT_MS);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
    const here = document.querySelector('.nav a[aria-current="page"]');
    if (here) here.scrollIntoView({ block: "nearest", inline: "center" });
  });

  // What was done is told once: opening the page again, or sending its address to somebody, does not tell it.
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(null, "", address);
  }

  // Parts that renew themselves: [data-live] says from where. They rest while the page is hidden, while a pointer is
  // down on them, while a text in them is marked, and when a person says so.
  let isPressed = false;
  document.addEventListener("pointerdown", () => (isPressed = true));
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => setTimeout(() => (isPressed = false), 100));
  }
  const isHeld = (part) => {
    const marked = getSelection();
    return isPressed || (marked && !marked.isCollapsed && part.contains(marked.anchorNode));
  };
  const put = (part, html) => {
    const active = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.innerHTML = html;
    if (active) part.querySelector(`a[href="${CSS.escape(active)}"]`)?.focus({ preventScroll: true });
  };
  const renewing = (part) => {
    const lost = document.querySelector("[data-live-lost]");
    let last = "";
    let timer = 0;
    let isAsking = false;
    const renew = async () => {
      clearTimeout(timer);
      timer = 0;
      if (isAsking || document.hidden || part.dataset.rests) return;
      isAsking = true;
      try {
        const answer = await fetch(part.dataset.live, { redirect: "error" });
        if (!answer.ok) throw new Error(answer.statusText);
        const html = await answer.text();
        if (html !== last && !isHeld(part) && !part.dataset.rests) put(part, (last = html));
        if (lost) lost.hidden = true;
        const done = part.querySelector("[data-live-done]");
        if (done && done.dataset.liveDone === "page") location.reload(); // what stands beside it has changed too
        if (done) return; // nothing more comes
      } catch {
        if (lost) lost.hidden = false;
      }
      isAsking = false;
      wait();
    };
    const wait = () => {
      timer = setTimeout(renew, Number(part.dataset.liveMs));
    };
    part.addEventListener("go-on", renew);
    document.addEventListener("visibilitychange", () => !document.hidden && renew());
    wait();
  };
  for (const part of document.querySelectorAll("[data-live]")) renewing(part);
  for (const button of document.querySelectorAll("[data-live-rest]")) {
    button.addEventListener("click", () => {
      const rests = button.textContent === button.dataset.rest;
      button.textContent = rests ? button.dataset.goOn : button.dataset.rest;
      for (const id of button.dataset.liveRest.split(" ")) {
        const part = document.getElementById(id);
        if (rests) part.dataset.rests = "yes";
        else delete part.dataset.rests;
        if (!rests) part.dispatchEvent(new Event("go-on"));
      }
    });
  }

  // What a text weighs while it is written: characters, about how many tokens (ledger/rules/estimating.py), and their yen.
  for (const field of document.querySelectorAll("[data-weighed]")) {
    const shown = document.getElementById(field.dataset.weighed);
    const put = (name, value) => {
      const place = shown.querySelector(`[data-${name}]`);
      if (place) place.textContent = value;
    };
    const weigh = () => {
      const text = field.value.replace(/^\n+|\n+$/g, "");
      const characters = [...text].length;
      const more = new TextEncoder().encode(text).length - characters;
      const others = Math.min(Math.floor(more / 2), characters);
      const tokens = others + Math.ceil((characters - others) / 4);
      put("characters", characters.toLocaleString("en"));
      put("tokens", tokens.toLocaleString("en"));
      const price = field.dataset.jpyPerToken;
      if (price === undefined) return;
      const yen = Number(price) * tokens * Number(field.dataset.calls);
      put("jpy", new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: "JPY", maximumFractionDigits: yen < 10 ? 2 : yen < 100 ? 1 : 0 }).format(yen));
    };
    field.addEventListener("input", weigh);
  }

  for (const field of document.querySelectorAll("select[data-submit]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
  }
  for (const element of document.querySelectorAll("[data-js]")) element.hidden = false;
})();

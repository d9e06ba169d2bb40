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

  for (const field of document.querySelectorAll("select[data-submit]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
  }
  for (const element of document.querySelectorAll("[data-js]")) element.hidden = false;
})();

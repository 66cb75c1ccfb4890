/* Keys: shortcuts, their help, and the dial pad by keyboard. Single keys can be switched off (WCAG
   2.1.4) and do nothing while somebody types. */

const OFF = "phone:shortcuts";

/** What a key press asks for, or "". `target` is where it happened. */
export function wish({ key, ctrlKey, metaKey, altKey, shiftKey, repeat, isComposing, target }, { on = true, busy = false } = {}) {
  if (!on || busy || ctrlKey || metaKey || altKey || repeat || isComposing) return "";
  if (target?.closest?.("input, textarea, select, [contenteditable], [role=combobox]")) return "";
  const letter = key.length === 1 ? key.toLowerCase() : key;
  // With Shift, or a slip would end a call.
  if (letter === "e") return shiftKey ? "end" : "";
  return { "?": "help", "/": "dial", m: "mute", k: "keypad", s: "sound", d: "dock" }[letter] ?? "";
}

function start() {
  const $ = (id) => document.getElementById(id);
  const dialog = $("help");
  const toggle = $("help_shortcuts");
  const isOn = () => localStorage.getItem(OFF) !== "off";
  const press = (id) => {
    const control = $(id);
    if (control && !control.disabled) control.click();
  };

  const deeds = {
    help() {
      toggle.checked = isOn();
      if (!dialog.open) dialog.showModal();
    },
    dial() {
      const field = $("dial_q") ?? document.querySelector("#main input[type=search]");
      if (field) field.focus();
      else document.querySelector("[data-nav][href$='/calls']")?.focus();
    },
    mute: () => press("call_mute"),
    keypad() {
      press("call_keypad");
      const pad = $("keypad");
      if (pad?.matches(":popover-open")) pad.querySelector("[data-digit]").focus();
    },
    dock: () => document.querySelector("#call_panel .call-controls button:enabled")?.focus(),
    end() {
      if ($("call_end")?.dataset.phone) press("call_end");
    },
    sound: () => $("sound").togglePopover(),
  };

  document.addEventListener("keydown", (event) => {
    const asked = wish(event, { on: isOn(), busy: dialog.open });
    if (asked) {
      event.preventDefault();
      deeds[asked]();
      return;
    }
    // On the dial pad the keyboard's digits press the pad's.
    const pad = event.target.closest?.(".dialer .pad");
    if (!pad || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key === "Backspace" ? "back" : event.key;
    if (!/^([0-9+]|back)$/.test(key)) return;
    event.preventDefault();
    pad.querySelector(`[data-pad="${key}"]`).click();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-help-open]")) deeds.help();
    else if (event.target === dialog || event.target.closest?.("[data-help-close]")) dialog.close();
  });
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "off");
  });
}

if (globalThis.document) start();

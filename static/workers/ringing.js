/* Notifications of calls that ring: shown while no page of ours is in sight. A page says what rings
   (ringing.js); what is pressed here is done by a page. It fetches and keeps nothing. */

addEventListener("install", () => skipWaiting());

const pages = () => clients.matchAll({ type: "window", includeUncontrolled: true });

async function show(rings) {
  const isInSight = (await pages()).some(({ visibilityState }) => visibilityState === "visible");
  const wanted = isInSight ? [] : rings;
  const shown = await registration.getNotifications();
  for (const one of shown) if (!wanted.some(({ id }) => id === one.tag)) one.close();
  for (const { id, title, body } of wanted) {
    if (shown.some(({ tag }) => tag === id)) continue;
    await registration.showNotification(title, {
      tag: id, body, requireInteraction: true, silent: true,
      actions: [{ action: "answer", title: "Answer" }, { action: "decline", title: "Decline" }],
    });
  }
}

async function press(ring, action) {
  const [page] = await pages();
  if (!page) return clients.openWindow("/calls");
  page.postMessage({ ring, action });
  return action === "decline" ? null : page.focus();
}

let turn = Promise.resolve(); // several tabs say the same at the same time
addEventListener("message", (event) => {
  turn = turn.then(() => show(event.data)).catch(() => {});
  event.waitUntil(turn);
});
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(press(event.notification.tag, event.action));
});

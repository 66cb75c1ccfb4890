/* Notifications of calls that ring: shown while no page of ours is in sight. A page says what rings
   (ringing.js), or, where none answers, the server (push.js). What is pressed here is done by a page.
   It fetches and keeps nothing. */

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

async function press({ tag: ring, data: isKnock }, action) {
  const [page] = await pages();
  // Where the server has knocked no page rings, whatever is open.
  if (!page || isKnock) return clients.openWindow(`/calls/${ring}/knocked`);
  page.postMessage({ ring, action });
  return action === "decline" ? null : page.focus();
}

/** The server knocks: whoever opens a page is rung there. A browser wants each push to show something
    and ends a worker that is idle for half a minute, so it is taken away then without anybody waiting
    for it; left over, it leads to who answered. */
async function knock({ id, title, body, seconds }) {
  await registration.showNotification(title, { tag: id, body, requireInteraction: true, data: true });
  setTimeout(async () => {
    for (const one of await registration.getNotifications({ tag: id })) one.close();
  }, seconds * 1000);
}

let turn = Promise.resolve(); // several tabs say the same at the same time
addEventListener("message", (event) => {
  turn = turn.then(() => show(event.data)).catch(() => {});
  event.waitUntil(turn);
});
addEventListener("push", (event) => event.waitUntil(knock(event.data.json())));
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(press(event.notification, event.action));
});

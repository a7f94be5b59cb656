// static/sw.js - shows alerts where a page may not do so itself (phones); keeps nothing, fetches
// nothing. A tap on an alert brings the page to the front.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    self.clients
      .matchAll({ type: "window", includeUncontrolled: true })
      .then(([page]) => (page ? page.focus() : self.clients.openWindow("/"))),
  );
});

// Reloads its page when another version is served. Added by `patchboard dev`, and by nothing else.
(() => {
  const own = document.currentScript.dataset.version;
  let events;
  const listen = () => {
    events = new EventSource("/-/dev/events");
    events.onmessage = (event) => {
      if (event.data !== own) {
        events.close();
        location.reload();
      }
    };
  };
  // A page that nobody sees holds no connection, of which browsers have six for a server.
  const look = () => {
    events?.close();
    if (document.visibilityState === "visible") {
      listen();
    }
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", () => events?.close());
  addEventListener("pageshow", (event) => event.persisted && look());
  look();
})();

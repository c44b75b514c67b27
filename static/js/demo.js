// What the page can do beyond plain links and forms. It works without.

const show = (element) => {
  element.hidden = false;
};

// The clock: events of /clock, until stopped.
const clock = document.getElementById("clock");
const [time, toggle] = clock.children;
let events;

const start = () => {
  toggle.textContent = "Stop";
  events = new EventSource("/clock");
  events.onmessage = ({ data }) => {
    time.textContent = data;
    show(clock);
  };
  events.onerror = () => {
    // Closed for good, rather than about to be opened again.
    if (events?.readyState === EventSource.CLOSED) stop();
  };
};

const stop = () => {
  toggle.textContent = "Start";
  events?.close();
  events = undefined;
};

toggle.addEventListener("click", () => (events ? stop() : start()));
start();

// The name of demo 1 becomes part of the path.
const form = document.getElementById("demo1");
const name = document.getElementById("demo1-name");
const target = document.getElementById("demo1-target");

const retarget = () => {
  const segment = encodeURIComponent(name.value.trim() || "world");
  form.action = `/demo1/${segment}`;
  target.textContent = segment;
};

show(name.parentElement);
name.addEventListener("input", retarget);
// A browser may have kept what was typed before a reload.
retarget();

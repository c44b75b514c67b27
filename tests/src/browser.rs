//! A real browser, Chromium, without a window: pages as their visitors see and use them.
//!
//! It is driven through `chromedriver`, by the W3C's WebDriver protocol; both are
//! Debian's packages `chromium` and `chromium-driver`, which `cargo xtask test` installs.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Output, wait_until};

/// The key under which WebDriver names an element (section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const REMEDY: &str = "install it, on Debian with `sudo apt-get install chromium chromium-driver`, or run \
     `cargo xtask test`, which does so first";

/// A browser with one window. It ends where the value is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser whose window is so wide and high, in pixels; without scripts
    /// if they are not to run.
    ///
    /// # Panics
    ///
    /// If there is none, with the remedy.
    #[track_caller]
    pub fn start(width: u32, height: u32, scripts: Scripts) -> Self {
        let mut command = Command::new("chromedriver");
        // A group of its own, to which the browser's processes belong as well.
        command.arg("--port=0").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut driver = command.spawn().unwrap_or_else(|error| panic!("no chromedriver: {error}; {REMEDY}"));
        let (output, _) = Output::of(&mut driver);
        let line = output.wait_for("started successfully on port");
        let port = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('.').to_owned();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .into();
        let profile = tempfile::Builder::new().prefix("patchboard-browser-").tempdir().expect("a folder");
        let mut browser =
            Self { driver, agent, session: format!("http://127.0.0.1:{port}/session"), _profile: profile };
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--user-data-dir={}", browser._profile.path().display()),
            format!("--window-size={width},{height}"),
        ];
        if geteuid().is_root() {
            // Its sandbox does not work for root; only this test's pages are opened.
            arguments.push("--no-sandbox".to_owned());
        }
        let javascript = if scripts == Scripts::Run { 1 } else { 2 };
        let capabilities = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": {
            "args": arguments,
            "prefs": { "profile.managed_default_content_settings.javascript": javascript },
        } } } });
        let created = browser.ask("", &capabilities);
        let id = created["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    /// Goes to a page, and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": url }));
    }

    /// The URL it is at.
    #[track_caller]
    pub fn url(&self) -> String {
        let value = self.answer(self.agent.get(format!("{}/url", self.session)).call());
        value.as_str().expect("a URL is text").to_owned()
    }

    /// The text of each element that `selector` finds, as it is shown.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let found = self.ask("/elements", &json!({ "using": "css selector", "value": selector }));
        let found = found.as_array().expect("elements come in a list");
        found
            .iter()
            .map(|element| {
                let id = element[ELEMENT].as_str().expect("an element has an id");
                let text = self.answer(self.agent.get(format!("{}/element/{id}/text", self.session)).call());
                text.as_str().expect("text is text").to_owned()
            })
            .collect()
    }

    /// Likewise; nothing where the page goes away meanwhile.
    #[track_caller]
    pub fn try_texts(&self, selector: &str) -> Option<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.innerText)";
        let asked = json!({ "script": script, "args": [selector] }).to_string();
        let request = self.agent.post(format!("{}/execute/sync", self.session));
        let mut answer = request.header("content-type", "application/json").send(asked).ok()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        answer["value"].as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// Types `text` into the first field that `selector` finds, in the place of what
    /// is in it.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector);
        self.ask(&format!("/element/{field}/clear"), &json!({}));
        self.ask(&format!("/element/{field}/value"), &json!({ "text": text }));
    }

    /// Clicks the first element that `selector` finds, which leads to another page, and
    /// waits for that.
    #[track_caller]
    pub fn follow(&self, selector: &str) {
        let element = format!("{}/element/{}", self.session, self.find(selector));
        let click = self.agent.post(format!("{element}/click")).header("content-type", "application/json");
        self.answer(click.send("{}"));
        // An element is gone with its page, which may be a moment after the click.
        wait_until("the next page has come", || {
            self.agent.get(format!("{element}/name")).call().is_ok_and(|answer| answer.status() != 200)
        });
    }

    /// Keeps what is shown as a picture, in `target/screenshots/NAME.png`.
    #[track_caller]
    pub fn screenshot(&self, name: &str) {
        let picture = self.answer(self.agent.get(format!("{}/screenshot", self.session)).call());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let bytes = base64(picture.as_str().expect("a picture is text"));
        assert!(bytes.starts_with(b"\x89PNG"), "a screenshot is a picture");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture can be written");
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let found = self.ask("/element", &json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{selector}: {found}")).to_owned()
    }

    #[track_caller]
    fn ask(&self, command: &str, parameters: &Value) -> Value {
        let request = self.agent.post(format!("{}{command}", self.session));
        let request = request.header("content-type", "application/json");
        self.answer(request.send(parameters.to_string()))
    }

    #[track_caller]
    fn answer(&self, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
        let mut response = response.expect("the driver answers");
        let text =
            response.body_mut().with_config().limit(64 << 20).read_to_string().expect("a whole answer");
        let mut answer: Value = serde_json::from_str(&text).expect("the driver answers with JSON");
        assert!(response.status().is_success(), "the browser: {answer}");
        answer["value"].take()
    }
}

/// Whether a page's scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// As with most visitors.
    Run,
    /// As with some.
    Off,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.driver.id().cast_signed()) {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.driver.wait().ok();
    }
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        (bits, count) = (bits << 6 | digit as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

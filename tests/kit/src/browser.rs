//! Headless Chromium, led by its ChromeDriver (W3C WebDriver, and Chrome's own commands where that has none).

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::directory::Directory;
use crate::http;
use crate::ports::Port;
use crate::process::Process;
use crate::wait;

/// Both are Debian's, from the packages `chromium` and `chromium-driver`.
const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// How long the first start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// One tab of one browser; dropping it ends the browser.
#[derive(Debug)]
pub struct Browser {
    port: Port,
    session: String,
    _driver: Process,
    _directory: Directory,
}

impl Browser {
    /// Starts a browser with an empty profile; `None` where there is none.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !Path::new(CHROMIUM).exists() || !Path::new(DRIVER).exists() {
            return None;
        }
        let (directory, port) = (Directory::new("browser"), Port::claim());
        let flag = format!("--port={}", port.number());
        let home = directory.path().display().to_string();
        let log = directory.join("chromedriver.log");
        let environment = [("HOME", home.as_str()), ("TMPDIR", home.as_str())];
        let driver = Process::start(
            "chromedriver",
            Path::new(DRIVER),
            [flag],
            &environment,
            &log,
        );
        let mut browser = Self {
            port,
            session: String::new(),
            _driver: driver,
            _directory: directory,
        };
        // Without the last ones it asks Google for this and that at each start.
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
        ];
        let options = json!({"binary": CHROMIUM, "args": flags});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let session = wait::until("the browser to start", START, || {
            browser.ask("POST", "/session", &wanted)
        });
        let id = session["sessionId"].as_str();
        browser.session = id.expect("a session has an id").to_owned();
        Some(browser)
    }

    /// Goes to an address and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.command("/url", &json!({"url": url}));
    }

    /// Runs a script and gives what it returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns something that is true, and gives that.
    #[track_caller]
    pub fn wait(&self, what: &str, script: &str) -> Value {
        wait::until(what, START, || match self.run(script) {
            found if !matches!(found, Value::Null | Value::Bool(false)) => Ok(found),
            _ => Err(self.text()),
        })
    }

    /// What a person reads.
    #[track_caller]
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.run("return document.body.innerText");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Makes the window as large as that, in CSS pixels.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.chrome("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Says which colours the person prefers: `light` or `dark`.
    #[track_caller]
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.chrome(
            "Emulation.setEmulatedMedia",
            &json!({"features": [feature]}),
        );
    }

    /// Presses a key that writes nothing, such as `Tab` or `Enter`.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            _ => panic!("no code is known of the key {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            if (kind, key) == ("keyDown", "Enter") {
                event["text"] = json!("\r");
            }
            self.chrome("Input.dispatchKeyEvent", &event);
        }
    }

    /// Runs one of Chrome's own commands (its DevTools protocol).
    #[track_caller]
    pub fn chrome(&self, command: &str, parameters: &Value) -> Value {
        self.command(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    /// Makes a picture of what is to be seen.
    #[track_caller]
    pub fn screenshot(&self, file: &Path) {
        let picture = self.chrome("Page.captureScreenshot", &json!({"format": "png"}));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap_or_default());
        std::fs::write(file, bytes.expect("a picture is in base64")).expect("it can be kept");
    }

    #[track_caller]
    fn command(&self, path: &str, parameters: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        let answer = self.ask("POST", &path, parameters);
        answer.unwrap_or_else(|error| panic!("{path} {parameters}: {error}"))
    }

    fn ask(&self, verb: &str, path: &str, body: &Value) -> Result<Value, String> {
        let answer = http::ask(self.port.number(), verb, path, body);
        let (status, answer) = answer.map_err(|error| error.to_string())?;
        let value = answer["value"].clone();
        if status == "200" {
            Ok(value)
        } else {
            Err(value.to_string())
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is killed after that, whatever it answers.
        let _ = self.ask(
            "DELETE",
            &format!("/session/{}", self.session),
            &Value::Null,
        );
    }
}

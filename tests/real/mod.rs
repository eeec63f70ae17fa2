//! The harness of the real thing: the program `hob`, a mosquitto of its own, the small model.

#![allow(dead_code, reason = "each test uses a part of the harness")]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Emulated or busy machines are slow; nothing here waits for time to pass.
const PATIENCE: Duration = Duration::from_mins(2);
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// A running daemon with a private broker.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) port: u16,
    pub(crate) dir: TempDir,
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The small model, where scripts/get-model puts it.
pub(crate) fn model() -> PathBuf {
    let shelf = std::env::var_os("HOB_SHELF__DIR").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache")).join("hob/shelf")
        },
        PathBuf::from,
    );
    let model = shelf.join(MODEL);
    assert!(model.exists(), "{} is missing: run scripts/get-model first", model.display());
    model
}

/// A folder with a shelf that has the small model (a link: it is only read).
pub(crate) fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("models")).unwrap();
    std::fs::hard_link(model(), dir.path().join("models").join(MODEL))
        .or_else(|_| std::fs::copy(model(), dir.path().join("models").join(MODEL)).map(drop))
        .unwrap();
    dir
}

/// `hob` with settings for this folder, and none of the machine's own.
pub(crate) fn hob(dir: &Path, port: u16, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOB_")) {
        command.env_remove(name);
    }
    command
        .env("HOB_STATE__DIR", dir)
        .env("HOB_DEVICE__ID", "t")
        .env("HOB_MQTT__PORT", port.to_string())
        .env("HOB_ENGINE__THREADS", "1")
        .args(args);
    command
}

impl Daemon {
    /// `hob up` in this folder, ready.
    pub(crate) fn up(dir: TempDir, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut command = hob(dir.path(), port, &["up"]);
        let child = command.envs(settings.iter().copied()).stderr(Stdio::from(log)).stdin(Stdio::null()).spawn().unwrap();
        let mut daemon = Self { child, port, dir };
        daemon.wait("loaded model");
        daemon
    }

    /// Waits until the log says this.
    pub(crate) fn wait(&mut self, words: &str) {
        let begun = Instant::now();
        while !self.log().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "never {words:?}:\n{}", self.log());
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before {words:?}:\n{}", self.log());
            std::thread::yield_now();
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `hob ask --json …`: the answer, or the error.
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = ["ask", "--json", "--device", "t"].iter().chain(args).copied().collect();
        let output = hob(self.dir.path(), self.port, &args).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", said(&output), self.log()))
    }

    /// What is retained on a topic, by mosquitto's own client.
    pub(crate) fn retained(&self, topic: &str) -> String {
        let output = Command::new("mosquitto_sub")
            .args(["-p", &self.port.to_string(), "-t", topic, "-C", "1", "-W", "30"])
            .output()
            .expect("mosquitto-clients is installed by scripts/test");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Sends a request with mosquitto's own clients, speaking 3.1.1, until its final message is heard. The same id brings
    /// the stored answer, so a listener that subscribes late loses nothing.
    pub(crate) fn mosquitto(&self, topic: &str, body: &str, id: &str) -> Value {
        let (port, ask, answer) = (self.port.to_string(), format!("hob/t/{topic}"), format!("hob/t/answer/{id}"));
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let listener = Command::new("mosquitto_sub")
                .args(["-V", "mqttv311", "-p", &port, "-t", &answer, "-C", "1", "-W", "5"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let send = ["-V", "mqttv311", "-q", "1", "-p", &port, "-t", &ask, "-m", body];
            assert!(Command::new("mosquitto_pub").args(send).status().unwrap().success());
            let heard = listener.wait_with_output().unwrap().stdout;
            if let Ok(reply) = serde_json::from_slice::<Value>(&heard)
                && reply["status"] != "accepted"
            {
                return reply;
            }
        }
        panic!("never answered:\n{}", self.log());
    }

    /// SIGTERM; how it ended, and the folder.
    pub(crate) fn down(mut self) -> (std::process::ExitStatus, String) {
        Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        let status = self.child.wait().unwrap();
        (status, self.log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _killed = self.child.kill();
            let _ended = self.child.wait();
        }
    }
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

//! The real daemon with a mosquitto of its own, and a client beside it.
//!
//! Promises: no setting of this machine reaches the daemon; both processes end with this value.
//! Deliberately absent: what is asked.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use hob_mqtt::{Event, Events, Link, LinkSettings, Message, PrivateBroker, Properties, Qos};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// The longest wait for anything: busy machines are slow.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);
/// The device's branch of the topic tree.
pub(crate) const BRANCH: &str = "hob/bench";
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// A running daemon.
pub(crate) struct House {
    pub(crate) link: Link,
    events: Events,
    child: Child,
    pid: i32,
    broker: PrivateBroker,
    dir: TempDir,
}

/// The small model, where scripts/get-model puts it.
pub(crate) fn model() -> anyhow::Result<PathBuf> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = given("XDG_CACHE_HOME").or_else(|| Some(given("HOME")?.join(".cache")));
    let shelf = given("HOB_SHELF__DIR").or_else(|| Some(cache?.join("hob/shelf")));
    let model = shelf.context("there is no HOME")?.join(MODEL);
    ensure!(model.exists(), "{} is missing: run scripts/get-model first", model.display());
    Ok(model)
}

impl House {
    /// Starts both, with these settings; returns when the daemon is online.
    pub(crate) async fn up(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("hob");
        ensure!(program.exists(), "{} is missing: build it first (cargo build --release)", program.display());
        let dir = tempfile::tempdir()?;
        let shelf = dir.path().join("models");
        std::fs::create_dir(&shelf)?;
        std::fs::hard_link(model()?, shelf.join(MODEL))
            .or_else(|_| std::fs::copy(model().map_err(std::io::Error::other)?, shelf.join(MODEL)).map(drop))?;
        let broker = PrivateBroker::start(dir.path().join("broker"), 0).await?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOB_")) {
            command.env_remove(name);
        }
        command.env("HOB_STATE__DIR", dir.path()).env("HOB_SHELF__DIR", &shelf).env("HOB_DEVICE__ID", "bench");
        command.env("HOB_MQTT__HOST", "127.0.0.1").env("HOB_MQTT__PORT", broker.port().to_string());
        command.envs(settings.iter().copied()).arg("up");
        let log = std::fs::File::create(dir.path().join("log"))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|pid| pid.try_into().ok()).context("the daemon ended at once")?;
        let topics = [format!("{BRANCH}/answer/+"), format!("{BRANCH}/event"), format!("{BRANCH}/status"), "reply/#".into()];
        let (link, events) = client("bench", broker.port(), &topics)?;
        let mut house = Self { link, events, child, pid, broker, dir };
        let status = format!("{BRANCH}/status");
        while house.hear().await.with_context(|| house.log())?.topic != status {}
        Ok(house)
    }

    /// The next message that comes.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Message> {
        next(&mut self.events).await
    }

    /// Asks all at once (each with an `id`) and waits for their answers: those, in order, and how long it took.
    pub(crate) async fn ask(&mut self, asks: &[Value]) -> anyhow::Result<(Vec<Value>, Duration)> {
        let begun = Instant::now();
        for ask in asks {
            self.send("ask", serde_json::to_vec(ask)?, Properties::default()).await?;
        }
        let mut answers: Vec<Value> = vec![Value::Null; asks.len()];
        while answers.iter().any(Value::is_null) {
            let Ok(answer) = serde_json::from_slice::<Value>(&self.hear().await?.payload) else { continue };
            let place = asks.iter().position(|ask| ask.get("id") == answer.get("id"));
            match (answer.get("status").and_then(Value::as_str), place.and_then(|place| answers.get_mut(place))) {
                (Some("ok"), Some(free)) => *free = answer,
                (Some("error"), Some(_)) => bail!("not answered: {answer}"),
                _ => {}
            }
        }
        Ok((answers, begun.elapsed()))
    }

    /// Publishes on a topic of the device.
    pub(crate) async fn send(&self, topic: &str, payload: Vec<u8>, properties: Properties) -> anyhow::Result<()> {
        let message = Message { properties, ..Message::new(format!("{BRANCH}/{topic}"), payload) };
        drop(self.link.publish(message).await?);
        Ok(())
    }

    /// What the daemon said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its folder of models.
    pub(crate) fn shelf(&self) -> PathBuf {
        self.dir.path().join("models")
    }

    /// A line of its `/proc/PID/status`, in bytes.
    pub(crate) fn memory(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).context("no such line")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1_024)
    }

    /// CPU time that it has used, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        cpu(Path::new(&format!("/proc/{}", self.pid)))
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.pid).context("no process")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Waits for its end: how it ended, and what a new client then finds retained as its status.
    pub(crate) async fn ended(mut self) -> anyhow::Result<(ExitStatus, String)> {
        let status = timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        let (_link, mut events) = client("bench-late", self.broker.port(), &[format!("{BRANCH}/status")])?;
        let retained = next(&mut events).await?;
        self.broker.stop().await;
        Ok((status, String::from_utf8_lossy(&retained.payload).into_owned()))
    }
}

/// CPU time of a process, in seconds, by its folder in `/proc`; Linux counts it in hundredths.
pub(crate) fn cpu(process: &Path) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(process.join("stat"))?;
    // The name may hold blanks; it ends with the last parenthesis. Then: state, ..., utime (12th), stime.
    let (_, rest) = stat.rsplit_once(") ").context("an unknown form of stat")?;
    let ticks = rest.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(f64::from(ticks) / 100.0)
}

fn client(name: &str, port: u16, topics: &[String]) -> anyhow::Result<(Link, Events)> {
    let settings = LinkSettings { session_expiry: 0, receive_maximum: 64, ..LinkSettings::new("127.0.0.1", port, name) };
    Ok(Link::open(settings, topics.iter().map(|topic| (topic.clone(), Qos::AtLeastOnce)).collect())?)
}

async fn next(events: &mut Events) -> anyhow::Result<Message> {
    loop {
        match timeout(PATIENCE, events.recv()).await.context("nothing came for minutes")? {
            Some(Event::Message(incoming)) => {
                incoming.ack.done();
                return Ok(incoming.message);
            }
            Some(_) => {}
            None => bail!("the link is closed"),
        }
    }
}

/// An ask with greedy sampling. `system` tells it apart from the start, so that no other's prefix helps.
pub(crate) fn ask(id: &str, system: &str, prompt: &str, max_tokens: u32) -> Value {
    json!({ "v": 1, "id": id, "system": system, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0 })
}

/// The same as the model's own template writes it down.
pub(crate) fn written(system: &str, prompt: &str) -> String {
    format!("<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n")
}

/// A number in an answer.
pub(crate) fn number(answer: &Value, path: &str) -> anyhow::Result<f64> {
    answer.pointer(path).and_then(Value::as_f64).with_context(|| format!("{path} is missing in {answer}"))
}

//! A mosquitto of our own, on loopback, for a Hob to which no broker was given; and a look who is there.
//!
//! ```text
//! plan ──▶ folder (0700), configuration (0600) ──▶ mosquitto ──▶ accepts? ──▶ PrivateBroker
//!                                                    ▲  damaged store? moved aside, once more
//!                                                    └─ a watching shell ends it when we are gone
//! ```
//!
//! Promises:
//! 1. durable settings: what it has confirmed is on the disk within about a second (`autosave_on_changes`,
//!    which rewrites the whole store: keep it small);
//! 2. a damaged store is moved aside, never deleted, and never keeps the broker from starting;
//! 3. it ends with us, also after `kill -9`: a shell waits on a pipe that only we hold, and when that closes it
//!    sends SIGTERM, then SIGKILL. (`PR_SET_PDEATHSIG` needs `unsafe`, and fires when a *thread* ends.) Only
//!    a kill of both at once, the shell's and ours, leaves it running;
//! 4. Ctrl-C on our terminal does not reach it (own process group), so that we can still say goodbye.
//!    Under systemd use `KillMode=mixed` for the same reason.
//!
//! Deliberately absent: restarting it (ask [`PrivateBroker::ended`]), bridges, listeners beyond loopback.

mod plan;
mod probe;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

pub use plan::Plan;
pub use probe::{Probe, probe};

/// From the start of the process until it accepts. A Pi reads a large store slowly.
const START: Duration = Duration::from_secs(20);
/// Between two looks whether it accepts.
const LOOK: Duration = Duration::from_millis(20);
/// From SIGTERM, when it saves its store, to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// Lines of its log that an error shows.
const LINES: usize = 20;
/// Attempts, each with another free port or a store moved aside.
const ATTEMPTS: u32 = 3;

/// Ends `$1` when its standard input closes: at once with SIGTERM, after 5 s with SIGKILL.
const WATCH: &str = r#"while read -r _; do :; done
kill -TERM "$1" 2>/dev/null || exit 0
n=0
while [ "$n" -lt 50 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; n=$((n+1)); done
kill -KILL "$1" 2>/dev/null"#;

/// A running mosquitto. Dropping it sends SIGTERM without waiting, and SIGKILL after 5 s.
#[derive(Debug)]
pub struct PrivateBroker {
    child: Child,
    watch: Child,
    log: Log,
    port: u16,
    moved_aside: Option<PathBuf>,
}

/// Why there is no private broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No such program.
    #[error("no mosquitto on this machine (looked in PATH and /usr/sbin): install it, or configure a broker")]
    NotInstalled,
    /// A file or folder cannot be made or read.
    #[error("cannot use {path} for the private broker: {error}; check that it is ours and writable")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The port is not to be had.
    #[error("port {port} on 127.0.0.1 is not to be had: {error}; choose another, or use the broker that is there")]
    Port {
        /// Which.
        port: u16,
        /// Why not.
        error: std::io::Error,
    },
    /// The process cannot be started.
    #[error("cannot start {program}: {error}")]
    Spawn {
        /// Which.
        program: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It ended at once.
    #[error("mosquitto ended at once; its last words:\n{0}")]
    Ended(String),
    /// It runs but does not accept.
    #[error("mosquitto does not accept connections after {0:?}; its last words:\n{1}")]
    Late(Duration, String),
}

impl PrivateBroker {
    /// Starts a broker for this machine only, without password, with its store in `dir`. Port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`BrokerError`]; nothing is left running.
    pub async fn start(dir: impl Into<PathBuf>, port: u16) -> Result<Self, BrokerError> {
        Self::start_as(&Plan::new(dir, port)).await
    }

    /// Starts a broker with another plan: for tests with passwords or TLS.
    ///
    /// # Errors
    ///
    /// [`BrokerError`]; nothing is left running.
    pub async fn start_as(plan: &Plan) -> Result<Self, BrokerError> {
        let program = plan::find().ok_or(BrokerError::NotInstalled)?;
        let mut moved_aside = None;
        let mut attempt = 1;
        loop {
            let (port, config) = plan.write()?;
            match Self::launch(&program, &config, port).await {
                Ok(broker) => return Ok(Self { moved_aside, ..broker }),
                Err(BrokerError::Ended(words)) if attempt < ATTEMPTS => {
                    if words.contains("open database") {
                        moved_aside = plan.move_store_aside()?.or(moved_aside);
                    } else if !(plan.port == 0 && words.contains("Address already in use")) {
                        return Err(BrokerError::Ended(words));
                    }
                }
                Err(error) => return Err(error),
            }
            attempt += 1;
        }
    }

    async fn launch(program: &PathBuf, config: &PathBuf, port: u16) -> Result<Self, BrokerError> {
        let spawned = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = spawned.map_err(|error| BrokerError::Spawn { program: program.clone(), error })?;
        let log = Log::follow(&mut child);
        let watch = match watch(&child) {
            Ok(watch) => watch,
            Err(error) => {
                let _gone = child.start_kill();
                return Err(BrokerError::Spawn { program: "/bin/sh".into(), error });
            }
        };
        let mut broker = Self { child, watch, log, port, moved_aside: None };
        let accepts = broker.wait_until_it_accepts().await;
        if accepts.is_err() {
            let _gone = broker.watch.start_kill();
        }
        accepts.map(|()| broker)
    }

    async fn wait_until_it_accepts(&mut self) -> Result<(), BrokerError> {
        let deadline = Instant::now() + START;
        loop {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() && self.is_running() {
                return Ok(());
            }
            if let Ok(_ended) = timeout(LOOK, self.child.wait()).await {
                return Err(BrokerError::Ended(self.log.last_words().await));
            }
            if Instant::now() >= deadline {
                let _gone = self.child.start_kill();
                return Err(BrokerError::Late(START, self.log.last_words().await));
            }
            sleep(LOOK).await; // a refused connection answers at once
        }
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Process id; `None` once it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where a damaged store was put at the start: tell somebody.
    #[must_use]
    pub const fn moved_aside(&self) -> Option<&PathBuf> {
        self.moved_aside.as_ref()
    }

    /// Waits until it ends by itself, and gives its last words. May be dropped and called again.
    pub async fn ended(&mut self) -> String {
        let _status = self.child.wait().await;
        let _gone = self.watch.start_kill(); // the number may be another process's from now on
        self.log.last_words().await
    }

    /// Lets it save its store and end; kills it if that takes longer than 5 s.
    pub async fn stop(mut self) {
        if let Some(pid) = self.pid_for_signals() {
            let _gone = kill_process(pid, Signal::TERM);
        }
        if timeout(GRACE, self.child.wait()).await.is_err() {
            tracing::warn!("the private broker does not end; killed");
        }
        self.kill().await;
    }

    /// Ends it with SIGKILL, like a power cut would: for tests.
    pub async fn kill(mut self) {
        let _watch_first = self.watch.kill().await; // the pid must not be another's when the shell uses it
        let _gone = self.child.kill().await;
    }

    /// Sends SIGSTOP (`true`) or SIGCONT, to play a stalled broker: for tests.
    pub fn freeze(&self, stop: bool) {
        if let Some(pid) = self.pid_for_signals() {
            let _gone = kill_process(pid, if stop { Signal::STOP } else { Signal::CONT });
        }
    }

    fn pid_for_signals(&self) -> Option<Pid> {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw)
    }
}

fn watch(child: &Child) -> std::io::Result<Child> {
    let pid = child.id().unwrap_or_default().to_string();
    Command::new("/bin/sh")
        .args(["-c", WATCH, "hob-broker-watch", &pid])
        .stdin(Stdio::piped()) // held by `watch`; closed by the kernel when we are gone
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Follows what mosquitto says, passes it on to the log, and keeps the end of it.
#[derive(Debug)]
struct Log {
    lines: Arc<Mutex<VecDeque<String>>>,
    reading: tokio::task::JoinHandle<()>,
}

impl Log {
    fn follow(child: &mut Child) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&lines);
        let errors = child.stderr.take();
        let reading = tokio::spawn(async move {
            let Some(errors) = errors else { return };
            let mut read = BufReader::new(errors).lines();
            while let Ok(Some(line)) = read.next_line().await {
                tracing::debug!(target: "mosquitto", "{line}");
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(line);
                if kept.len() > LINES {
                    kept.pop_front();
                }
            }
        });
        Self { lines, reading }
    }

    /// The end of what it said; complete once the process has ended.
    async fn last_words(&mut self) -> String {
        if !self.reading.is_finished() {
            let _still_running = timeout(Duration::from_secs(1), &mut self.reading).await;
        }
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

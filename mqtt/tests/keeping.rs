//! The private broker: its files, its store, and how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may"
)]

mod stage;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hob_mqtt::child::{BrokerError, Plan};
use hob_mqtt::{Message, PrivateBroker, Probe, probe};
use stage::{PATIENCE, Stage, message, up};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Waits until no process has this number, zombies not counted.
async fn is_gone(pid: u32) {
    let gone = async {
        loop {
            match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => return,
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("still running");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn its_files_are_ours_alone_and_its_store_survives_a_clean_end() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("deep/broker");
    let broker = PrivateBroker::start(&folder, 0).await.unwrap();
    assert_eq!((mode(&folder), mode(&folder.join("mosquitto.conf"))), (0o700, 0o600));
    let (link, _events) = up(stage::settings(broker.port(), "hob"), &[]).await;
    link.publish(Message { retain: true, ..Message::new("kept", "yes") }).await.unwrap().await.unwrap();
    let pid = broker.pid().unwrap();
    broker.stop().await;
    is_gone(pid).await;
    let broker = PrivateBroker::start(&folder, 0).await.unwrap();
    let (_link, mut events) = up(stage::settings(broker.port(), "hob"), &["kept"]).await;
    assert_eq!(message(&mut events).await.message.payload, b"yes");
}

#[tokio::test]
async fn a_damaged_store_is_moved_aside_and_kept_and_the_broker_starts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mosquitto.db"), b"rust and ruin").unwrap();
    let broker = PrivateBroker::start(dir.path(), 0).await.unwrap();
    let aside = broker.moved_aside().expect("told").clone();
    assert_eq!(std::fs::read(aside).unwrap(), b"rust and ruin");
}

#[tokio::test]
async fn a_port_in_use_and_a_configuration_it_does_not_understand_are_told() {
    let stage = Stage::new().await;
    let dir = tempfile::tempdir().unwrap();
    let taken = PrivateBroker::start(dir.path(), stage.broker.port()).await.unwrap_err();
    assert!(matches!(&taken, BrokerError::Port { port, .. } if *port == stage.broker.port()), "{taken}");
    let odd = Plan { extra: "no_such_word 1".into(), ..Plan::new(dir.path(), 0) };
    let odd = PrivateBroker::start_as(&odd).await.unwrap_err();
    assert!(odd.to_string().contains("no_such_word"), "{odd}");
}

#[tokio::test]
async fn it_ends_when_dropped_and_tells_when_it_ends_by_itself() {
    let mut stage = Stage::new().await;
    let pid = stage.broker.pid().unwrap();
    drop(stage.broker);
    is_gone(pid).await;
    stage.broker = PrivateBroker::start(stage.dir.path().join("broker"), 0).await.unwrap();
    let pid = stage.broker.pid().unwrap().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    let words = tokio::time::timeout(PATIENCE, stage.broker.ended()).await.unwrap();
    assert!(words.contains("terminating"), "{words}");
}

/// Not a test: what the next one starts as a process of its own and kills.
#[tokio::test]
#[ignore = "started by the test below"]
async fn a_daemon_with_a_broker() {
    let Some(dir) = std::env::var_os("HOB_TEST_DIR") else { return };
    let broker = PrivateBroker::start(dir, 0).await.unwrap();
    eprintln!("broker {}", broker.pid().unwrap());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn it_ends_when_its_daemon_is_killed_without_a_chance_to_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_daemon_with_a_broker", "--ignored", "--nocapture"])
        .env("HOB_TEST_DIR", dir.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(daemon.stderr.take().unwrap()).lines();
    let pid = loop {
        let line = said.next_line().await.unwrap().expect("it starts a broker");
        if let Some(pid) = line.strip_prefix("broker ") {
            break pid.parse().unwrap();
        }
    };
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    daemon.kill().await.unwrap();
    is_gone(pid).await;
}

#[tokio::test]
async fn a_probe_tells_a_broker_from_something_else_and_from_nobody() {
    let stage = Stage::new().await;
    let patience = Duration::from_secs(10);
    assert_eq!(probe("127.0.0.1", stage.broker.port(), patience).await, Probe::Broker);
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let hangs_up = tokio::spawn(async move { drop(other.accept().await) });
    assert_eq!(probe("127.0.0.1", port, patience).await, Probe::Other);
    hangs_up.await.unwrap();
    assert_eq!(probe("127.0.0.1", port, patience).await, Probe::Nobody, "the listener is closed by now");
}

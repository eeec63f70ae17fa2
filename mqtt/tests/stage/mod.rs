//! What the tests with a real mosquitto share: a broker in a folder of its own, links to it, and patience.

#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use hob_mqtt::{Event, Events, Incoming, Link, LinkSettings, PrivateBroker, Qos, Why};
use tempfile::TempDir;

/// No event takes longer on a machine that is merely busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    pub dir: TempDir,
    pub broker: PrivateBroker,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let broker = PrivateBroker::start(dir.path().join("broker"), 0).await.unwrap();
        Self { dir, broker }
    }

    pub(crate) fn settings(&self, id: &str) -> LinkSettings {
        settings(self.broker.port(), id)
    }

    /// Kills the broker as a power cut would, maybe loses its store, and starts it again on the same port.
    pub(crate) async fn power_cut(&mut self, lose_store: bool) {
        let (folder, port) = (self.dir.path().join("broker"), self.broker.port());
        let elsewhere = PrivateBroker::start(self.dir.path().join("spare"), 0).await.unwrap();
        std::mem::replace(&mut self.broker, elsewhere).kill().await;
        if lose_store {
            let _absent_if_never_saved = std::fs::remove_file(folder.join("mosquitto.db"));
        }
        self.broker = PrivateBroker::start(folder, port).await.unwrap();
    }
}

pub(crate) fn settings(port: u16, id: &str) -> LinkSettings {
    LinkSettings { retry_ceiling: Duration::from_secs(1), ..LinkSettings::new("127.0.0.1", port, id) }
}

pub(crate) fn open(settings: LinkSettings, filters: &[&str]) -> (Link, Events) {
    let filters = filters.iter().map(|filter| ((*filter).to_owned(), Qos::AtLeastOnce)).collect();
    Link::open(settings, filters).unwrap()
}

/// Opens a link and waits until it is up.
pub(crate) async fn up(settings: LinkSettings, filters: &[&str]) -> (Link, Events) {
    let (link, mut events) = open(settings, filters);
    wait_up(&mut events).await;
    (link, events)
}

pub(crate) async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(PATIENCE, events.recv()).await.expect("nothing happens").expect("the link ended")
}

/// Waits for Up; whether the session was still there.
pub(crate) async fn wait_up(events: &mut Events) -> bool {
    loop {
        match next(events).await {
            Event::Up { session_present, .. } => return session_present,
            Event::Down { why, .. } => eprintln!("down on the way up: {why}"),
            other => panic!("{other:?} instead of Up"),
        }
    }
}

pub(crate) async fn wait_down(events: &mut Events) -> (Why, Duration) {
    loop {
        match next(events).await {
            Event::Down { why, again_in } => return (why, again_in),
            Event::Up { .. } => {}
            other => panic!("{other:?} instead of Down"),
        }
    }
}

/// The next message, through whatever ups and downs.
pub(crate) async fn message(events: &mut Events) -> Incoming {
    loop {
        if let Event::Message(incoming) = next(events).await {
            return incoming;
        }
    }
}

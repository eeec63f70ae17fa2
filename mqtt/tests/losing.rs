//! Brokers that die, forget, stall and come back: nothing confirmed is lost, nothing unconfirmed is forgotten.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may"
)]

mod stage;

use std::collections::BTreeSet;
use std::time::Duration;

use hob_mqtt::{LinkSettings, Message, Version, Versions, Why};
use stage::{PATIENCE, Stage, message, open, up, wait_down, wait_up};

#[tokio::test]
async fn every_unconfirmed_message_arrives_after_the_broker_was_killed_and_forgot_the_session() {
    for versions in [Versions::Only(Version::V5), Versions::Only(Version::V311)] {
        let mut stage = Stage::new().await;
        let (link, mut events) = up(LinkSettings { versions, ..stage.settings("sender") }, &["unused"]).await;
        // Stopped, the broker takes bytes and answers nothing: all that follows is under way when it dies.
        stage.broker.freeze(true);
        let mut deliveries = Vec::new();
        for number in 0..20_u8 {
            let message = Message { retain: true, ..Message::new(format!("t/{number}"), [number]) };
            deliveries.push(link.publish(message).await.unwrap());
        }
        stage.power_cut(true).await;
        wait_down(&mut events).await;
        assert!(!wait_up(&mut events).await, "the session is lost");
        for delivery in deliveries {
            assert_eq!(tokio::time::timeout(PATIENCE, delivery).await.unwrap(), Ok(()));
        }
        let (_reader, mut kept) = up(stage.settings("reader"), &["t/+"]).await;
        let mut came = BTreeSet::new();
        while came.len() < 20 {
            let incoming = message(&mut kept).await;
            came.insert(incoming.message.payload);
            incoming.ack.done();
        }
    }
}

#[tokio::test]
async fn subscriptions_stand_again_after_a_broker_that_forgot_them_comes_back() {
    let mut stage = Stage::new().await;
    let (link, mut events) = up(stage.settings("hob"), &["a", "b/#"]).await;
    for round in 0..3_u8 {
        stage.power_cut(true).await;
        wait_down(&mut events).await;
        assert!(!wait_up(&mut events).await);
        for topic in ["a", "b/c"] {
            link.publish(Message::new(topic, [round])).await.unwrap().await.unwrap();
            let incoming = message(&mut events).await;
            assert_eq!((incoming.message.topic.as_str(), incoming.message.payload), (topic, vec![round]));
            incoming.ack.done();
        }
    }
}

#[tokio::test]
async fn what_was_not_acked_comes_again_and_what_was_does_not() {
    for versions in [Versions::Only(Version::V5), Versions::Only(Version::V311)] {
        let stage = Stage::new().await;
        let same = || LinkSettings { versions, ..stage.settings("reader") };
        let (reader, mut heard) = up(same(), &["t"]).await;
        let (sender, _events) = up(stage.settings("sender"), &[]).await;
        for number in 0..3_u8 {
            sender.publish(Message::new("t", [number])).await.unwrap().await.unwrap();
        }
        for number in 0..3 {
            let incoming = message(&mut heard).await;
            assert_eq!(incoming.message.payload, [number]);
            if number == 1 {
                incoming.ack.done();
            }
        }
        reader.close(PATIENCE).await;
        sender.publish(Message::new("t", [3])).await.unwrap().await.unwrap();
        let (_reader, mut heard) = open(same(), &["t"]);
        for number in [0, 2, 3] {
            let incoming = message(&mut heard).await;
            assert_eq!(incoming.message.payload, [number]);
            incoming.ack.done();
        }
    }
}

#[tokio::test]
async fn a_short_lived_client_leaves_no_session_behind() {
    let stage = Stage::new().await;
    for version in [Version::V5, Version::V5, Version::V311, Version::V311] {
        let versions = Versions::Only(version);
        let (link, mut events) = open(LinkSettings { session_expiry: 0, versions, ..stage.settings("ask") }, &["t"]);
        assert!(!wait_up(&mut events).await);
        link.close(PATIENCE).await;
    }
}

#[tokio::test]
async fn a_link_opened_before_its_broker_comes_up_with_it_and_delivers_what_waited() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (link, mut events) = open(stage::settings(port, "early"), &["t"]);
    let (why, again_in) = wait_down(&mut events).await;
    assert!(matches!(why, Why::Unreachable(_)) && again_in < Duration::from_millis(400), "{why:?} {again_in:?}");
    let delivery = link.publish(Message::new("t", "patience")).await.unwrap();
    let _broker = hob_mqtt::PrivateBroker::start(dir.path().join("broker"), port).await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, delivery).await.unwrap(), Ok(()));
    assert_eq!(message(&mut events).await.message.payload, b"patience");
}

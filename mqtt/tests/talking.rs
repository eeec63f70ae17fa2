//! Messages through a real mosquitto, there and back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may"
)]

mod stage;

use std::process::Stdio;
use std::time::Duration;

use hob_mqtt::{DeliveryError, LinkSettings, Login, Message, Properties, PublishError, Qos, Secret, Version, Versions, Why};
use stage::{PATIENCE, Stage, message, open, settings, up, wait_down, wait_up};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn rich(topic: &str) -> Message {
    let properties = Properties {
        response_topic: Some("answers/here".into()),
        correlation_data: Some((0..=255).collect()),
        message_expiry: Some(600),
        content_type: Some("application/json".into()),
        payload_is_utf8: true,
        user: vec![("hob-v".into(), "1".into()), ("twice".into(), "a".into()), ("twice".into(), "ß".into())],
    };
    Message { properties, ..Message::new(topic, "{\"prompt\":\"§\"}") }
}

#[tokio::test]
async fn properties_travel_both_ways_on_version_5_and_are_dropped_on_3_1_1() {
    let stage = Stage::new().await;
    let (new, mut new_events) = up(stage.settings("new"), &["to/new"]).await;
    let only_old = LinkSettings { versions: Versions::Only(Version::V311), ..stage.settings("old") };
    let (old, mut old_events) = up(only_old, &["to/old"]).await;

    new.publish(rich("to/new")).await.unwrap().await.unwrap();
    let mut sent = rich("to/new");
    let mut came = message(&mut new_events).await.message;
    let left = came.properties.message_expiry.take().unwrap();
    assert!((590..=600).contains(&left), "the broker takes the seconds spent off: {left}");
    sent.properties.message_expiry = None;
    assert_eq!(came, sent);

    new.publish(rich("to/old")).await.unwrap().await.unwrap();
    let came = message(&mut old_events).await.message;
    assert_eq!(came, Message { properties: Properties::default(), ..rich("to/old") });
    old.publish(rich("to/new")).await.unwrap().await.unwrap();
    assert_eq!(message(&mut new_events).await.message.properties, Properties::default());
}

#[tokio::test]
async fn mosquitto_pub_and_sub_understand_us_and_we_them() {
    let stage = Stage::new().await;
    let (link, mut events) = up(stage.settings("us"), &["ask"]).await;
    let port = stage.broker.port().to_string();
    let mut listener = tokio::process::Command::new("mosquitto_sub")
        .args(["-p", &port, "-V", "5", "-q", "1", "-t", "told", "-C", "1", "-W", "60", "-F", "%D|%R|%C|%P|%p"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let asked = tokio::process::Command::new("mosquitto_pub")
        .args(["-p", &port, "-V", "5", "-q", "1", "-t", "ask", "-m", "what?", "-D", "publish", "response-topic", "told"])
        .args(["-D", "publish", "correlation-data", "c-7", "-D", "publish", "user-property", "k", "v"])
        .status();
    assert!(asked.await.unwrap().success());
    let incoming = message(&mut events).await;
    assert_eq!(incoming.message.payload, b"what?");
    assert_eq!(incoming.message.properties.user, [("k".to_owned(), "v".to_owned())]);
    let asked = incoming.message.properties;
    // Retained, so that it does not matter whether the listener is there already.
    let properties = Properties {
        correlation_data: asked.correlation_data,
        content_type: Some("text/plain".into()),
        user: vec![("hob".into(), "1".into())],
        ..Properties::default()
    };
    let answer = Message { retain: true, properties, ..Message::new(asked.response_topic.unwrap(), "that") };
    link.publish(answer).await.unwrap().await.unwrap();
    incoming.ack.done();
    let mut heard = String::new();
    listener.stdout.take().unwrap().read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard.trim_end(), "c-7||text/plain|hob:1|that", "as mosquitto_sub prints it");
}

#[tokio::test]
async fn a_broker_of_3_1_1_is_found_out_and_served() {
    let stage = Stage::new().await;
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = front.local_addr().unwrap().port();
    let behind = stage.broker.port();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = front.accept().await.unwrap();
            let mut hello = [0; 9]; // kind, length (one byte for such a short one), "MQTT" with its length, version
            while client.peek(&mut hello).await.unwrap() < hello.len() {}
            if hello[8] == 5 {
                client.write_all(&[0x20, 2, 0, 1]).await.unwrap(); // what a broker of 3.1.1 says to version 5
                continue;
            }
            tokio::spawn(async move {
                let mut broker = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let _over = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
            });
        }
    });
    let (link, mut events) = open(settings(port, "hob"), &["t"]);
    let hob_mqtt::Event::Up { version, .. } = stage::next(&mut events).await else { panic!("not up at once") };
    assert_eq!(version, Version::V311);
    link.publish(Message::new("t", "hello")).await.unwrap().await.unwrap();
    assert_eq!(message(&mut events).await.message.payload, b"hello");
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such_and_tried_again_slowly_and_the_right_one_works() {
    let dir = tempfile::tempdir().unwrap();
    let passwords = dir.path().join("passwords");
    let made = std::process::Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["hob", "right"]).status();
    assert!(made.unwrap().success());
    let plan = hob_mqtt::child::Plan {
        anonymous: false,
        extra: format!("password_file {}", passwords.display()),
        ..hob_mqtt::child::Plan::new(dir.path().join("broker"), 0)
    };
    let broker = hob_mqtt::PrivateBroker::start_as(&plan).await.unwrap();
    for versions in [Versions::Auto, Versions::Only(Version::V311)] {
        for (password, fits) in [("right", true), ("wrong", false)] {
            let login = Some(Login { user: "hob".into(), password: Secret::new(password) });
            let base = LinkSettings::new("127.0.0.1", broker.port(), "hob");
            let (_link, mut events) = open(LinkSettings { login, versions, ..base }, &["t"]);
            if fits {
                wait_up(&mut events).await;
            } else {
                let (why, again_in) = wait_down(&mut events).await;
                assert!(matches!(why, Why::Refused(_)), "{why:?}");
                assert!(why.remedy().contains("password") && again_in >= Duration::from_secs(15), "{again_in:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_message_too_large_is_an_error_and_the_link_lives_on_and_the_largest_passes() {
    let stage = Stage::new().await;
    let (link, mut events) = up(stage.settings("hob"), &["t"]).await;
    let limit = usize::try_from(link.max_packet()).unwrap();
    assert_eq!(limit, 1 << 20, "mosquitto's limit, and ours");
    let error = link.publish(Message::new("t", vec![1; limit])).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { limit: told, .. } if told == 1 << 20), "{error}");
    let largest = Message::new("t", vec![2; limit - 10]); // 4 header, 2 + 1 topic, 2 id, 1 properties
    link.publish(largest.clone()).await.unwrap().await.unwrap();
    assert_eq!(message(&mut events).await.message, largest);
    assert!(link.publish(Message::new("t", vec![1; limit - 9])).await.is_err(), "one byte more");
}

#[tokio::test]
async fn closing_flushes_what_is_queued_and_keeps_the_will_back_unless_it_is_wanted() {
    let stage = Stage::new().await;
    let (_watcher, mut heard) = up(stage.settings("watcher"), &["#"]).await;
    for (versions, wanted) in [
        (Versions::Only(Version::V5), false),
        (Versions::Only(Version::V5), true),
        (Versions::Only(Version::V311), false),
        (Versions::Only(Version::V311), true),
    ] {
        let will = Some(Message::new("status", "gone"));
        let (link, _events) = up(LinkSettings { will, will_on_close: wanted, versions, ..stage.settings("hob") }, &["t"]).await;
        for number in 0..20_u8 {
            let _confirmed_by_close = link.publish(Message::new("n", [number])).await.unwrap();
        }
        assert_eq!(link.close(PATIENCE).await, 0);
        for number in 0..20 {
            let incoming = message(&mut heard).await;
            assert_eq!(incoming.message.payload, [number]);
            incoming.ack.done();
        }
        // A second client's message marks the end of what the first has caused.
        let (marker, _events) = up(stage.settings("marker"), &[]).await;
        marker.publish(Message::new("mark", "end")).await.unwrap().await.unwrap();
        let (mut topics, mut last) = (Vec::new(), String::new());
        while last != "mark" {
            let incoming = message(&mut heard).await;
            last.clone_from(&incoming.message.topic);
            topics.push(incoming.message.topic);
            incoming.ack.done();
        }
        assert_eq!(topics.contains(&"status".to_owned()), wanted, "{versions:?}: {topics:?}");
    }
}

#[tokio::test]
async fn a_message_that_the_broker_may_not_take_is_an_error_to_its_sender() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    std::fs::write(&rules, "topic readwrite allowed/#\n").unwrap();
    let plan = hob_mqtt::child::Plan {
        extra: format!("acl_file {}", rules.display()),
        ..hob_mqtt::child::Plan::new(dir.path().join("broker"), 0)
    };
    let broker = hob_mqtt::PrivateBroker::start_as(&plan).await.unwrap();
    let (link, _events) = up(settings(broker.port(), "hob"), &["allowed/t"]).await;
    assert_eq!(link.publish(Message::new("allowed/x", "y")).await.unwrap().await, Ok(()));
    let refused = link.publish(Message::new("elsewhere", "y")).await.unwrap().await;
    assert_eq!(refused, Err(DeliveryError::Refused(0x87)));
}

#[tokio::test]
async fn stream_chunks_go_out_in_order_without_being_waited_for() {
    let stage = Stage::new().await;
    let (link, mut events) = up(stage.settings("hob"), &["s"]).await;
    for number in 0..100_u8 {
        link.try_publish(Message { qos: Qos::AtMostOnce, ..Message::new("s", [number]) }).unwrap();
    }
    for number in 0..100 {
        assert_eq!(message(&mut events).await.message.payload, [number]);
    }
    assert_eq!(link.dropped(), 0);
}

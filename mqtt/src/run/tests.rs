//! The whole link against a scripted broker on a pipe, with a paused clock: no sockets, no waiting.
//!
//! Here: coming up, going down, and closing.

mod harness;
mod messages;

use std::time::Duration;

use tokio::time::Instant;

use crate::*;
use harness::*;

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_version_5_in_whatever_way_is_spoken_to_in_3_1_1_at_once() {
    for refusal in [&[0x20, 3, 0, 0x84, 0][..], &[0x20, 2, 0, 1], &[]] {
        let mut stage = open(settings());
        let began = Instant::now();
        for attempt in 0..2 {
            let mut peer = stage.accept().await;
            if attempt == 0 {
                assert_eq!(peer.hears().await.1[6], 5, "version 5 first");
                peer.says(refusal).await;
                drop(peer);
                peer = stage.accept().await;
            }
            let (first, body) = peer.hears().await;
            assert_eq!((first, body[6]), (CONNECT, 4), "3.1.1, and remembered");
            peer.says(&[0x20, 2, 0, 0]).await;
            assert_eq!(peer.hears().await.0, SUBSCRIBE);
            peer.says(&[0x90, 3, 0xff, 0xff, 1]).await;
            assert_eq!(stage.up().await.0, Version::V311);
            assert!(attempt == 1 || began.elapsed() < Duration::from_millis(10), "without waiting");
            drop(peer);
            stage.down().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_a_person_must_mend_are_retried_slowly_and_others_soon() {
    for (answer, slowly, class) in [
        (&[0x20, 3, 0, 0x86, 0][..], true, "refuses this client"),
        (&[0x20, 3, 0, 0x87, 0], true, "refuses this client"),
        (&[0x15, 3, 3, 0, 2, 2, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], true, "does not speak"),
        (&[0x20, 3, 0, 0x89, 0], false, "turns clients away"),
    ] {
        let mut stage = open(settings());
        let mut peer = stage.accept().await;
        peer.hears().await;
        peer.says(answer).await;
        let (why, again_in) = stage.down().await;
        assert!(why.to_string().contains(class), "{why}");
        assert!(!why.remedy().is_empty());
        assert_eq!(again_in >= Duration::from_secs(15), slowly, "{why}: {again_in:?}");
        let before = Instant::now();
        stage.accept().await;
        let waited = before.elapsed();
        assert!(waited >= again_in && waited < again_in + Duration::from_millis(5), "{waited:?}, not {again_in:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_goodbye_is_taken_by_its_word() {
    for (reason, expected) in [(0x8e, "taken the session over"), (0x8b, "turns clients away"), (0x98, "closed")] {
        let (mut stage, mut peer) = Stage::connected(WELCOME_V5).await;
        peer.says(&[DISCONNECT, 1, reason]).await;
        let (why, _) = stage.down().await;
        assert!(why.to_string().contains(expected), "{reason:02x}: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_falls_silent_is_given_up_within_one_and_a_half_keep_alives_even_while_a_write_is_stuck() {
    for stuck in [false, true] {
        let (mut stage, _deaf) = Stage::connected(WELCOME_V5).await;
        let began = Instant::now();
        if stuck {
            let _delivery = stage.link.publish(Message::new("t", vec![0; 100_000])).await.unwrap();
        }
        let (why, _) = stage.down().await;
        assert_eq!(why, Why::Silent(Duration::from_secs(30)));
        assert!(began.elapsed() <= Duration::from_secs(30), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_answers_pings_is_kept() {
    let (mut stage, mut peer) = Stage::connected(WELCOME_V5).await;
    let hour = tokio::time::timeout(Duration::from_hours(1), peer.hears());
    assert!(hour.await.is_err(), "nothing but pings");
    assert!(tokio::time::timeout(Duration::from_millis(1), stage.events.recv()).await.is_err(), "and still up");
    assert!(stage.link.is_up());
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_confirmations_and_gives_up_when_the_grace_is_over() {
    for confirm in [true, false] {
        let (stage, mut peer) = Stage::connected(WELCOME_V5).await;
        let delivery = stage.link.publish(Message::new("t", "x")).await.unwrap();
        let (id, _) = peer.hears_message().await;
        let (link, began) = (stage.link.clone(), Instant::now());
        let closing = tokio::spawn(async move { link.close(Duration::from_secs(3)).await });
        tokio::task::yield_now().await;
        if confirm {
            peer.confirms(id).await;
        }
        assert_eq!(peer.hears().await, (DISCONNECT, vec![]), "goodbye in both cases, so that the will stays unsaid");
        drop(peer);
        assert_eq!(closing.await.unwrap(), usize::from(!confirm));
        assert_eq!(began.elapsed() >= Duration::from_secs(3), !confirm);
        assert_eq!(delivery.await, if confirm { Ok(()) } else { Err(DeliveryError::Closed) });
        assert_eq!(stage.link.publish(Message::new("t", "y")).await.unwrap_err(), PublishError::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_a_link_that_is_down_ends_at_once_if_nothing_is_queued() {
    let mut stage = open(settings());
    drop(stage.accept().await);
    drop(stage.accept().await);
    stage.down().await;
    let began = Instant::now();
    assert_eq!(stage.link.close(Duration::from_mins(1)).await, 0);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(stage.events.recv().await.is_none(), "and the events end");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_everybody_dropped_flushes_says_goodbye_and_ends() {
    for confirm in [true, false] {
        let (stage, mut peer) = Stage::connected(WELCOME_V5).await;
        let delivery = stage.link.publish(Message::new("t", "x")).await.unwrap();
        let began = Instant::now();
        drop(stage.link);
        let (id, _) = peer.hears_message().await;
        if confirm {
            peer.confirms(id).await;
        }
        assert_eq!(peer.hears().await.0, DISCONNECT);
        drop(peer);
        assert_eq!(delivery.await.is_ok(), confirm);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_will_that_is_wanted_on_3_1_1_is_asked_for_by_leaving_without_a_word() {
    let versions = Versions::Only(Version::V311);
    let will = Some(Message::new("status", "gone"));
    let mut stage = open(LinkSettings { versions, will, will_on_close: true, ..settings() });
    let mut peer = stage.accept().await;
    peer.welcomes(&[0x20, 2, 0, 0]).await;
    stage.up().await;
    let closing = tokio::spawn(async move { stage.link.close(Duration::from_secs(3)).await });
    assert_eq!(peer.takes().await, None);
    drop(peer);
    assert_eq!(closing.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_the_broker_refuses_is_named() {
    let mut stage = open(settings());
    let mut peer = stage.accept().await;
    peer.hears().await;
    peer.says(WELCOME_V5).await;
    peer.hears().await;
    peer.says(&[0x90, 4, 0xff, 0xff, 0, 0x87]).await;
    let Some(Event::Up { refused, .. }) = stage.events.recv().await else { panic!("not up") };
    assert_eq!(refused, ["ask"]);
}

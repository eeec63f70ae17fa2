//! Messages out and in: confirmed, lost, repeated, too large, too many.

use std::time::Duration;

use super::harness::*;
use crate::*;

#[tokio::test(start_paused = true)]
async fn an_ack_of_a_dead_connection_confirms_nothing_on_the_next() {
    let (mut stage, mut peer) = Stage::connected(WELCOME_V5).await;
    peer.says(&asked(1, b'a')).await;
    let old = stage.message().await;
    let mut late = Vec::new();
    for id in 2..=4 {
        peer.says(&asked(id, b'a')).await;
        late.push(stage.message().await);
    }
    drop(peer);
    for incoming in late {
        incoming.ack.done(); // before the link has noticed
    }
    stage.down().await;
    let mut peer = stage.accept().await;
    peer.welcomes(WELCOME_V5).await;
    stage.up().await;
    peer.says(&asked(1, b'b')).await;
    let new = stage.message().await;
    old.ack.done();
    assert_eq!(stage.link.close(Duration::from_secs(1)).await, 0);
    assert_eq!(peer.hears().await.0, DISCONNECT, "and no PUBACK before it");
    assert_eq!(new.message.payload, b"b");
}

#[tokio::test(start_paused = true)]
async fn confirmations_go_out_while_the_flight_is_full_and_the_flight_never_exceeds_what_the_broker_takes() {
    for (welcome, window) in [(WELCOME_V5, 8), (&[0x20, 6, 0, 0, 3, 0x21, 0, 2][..], 2)] {
        let (mut stage, mut peer) = Stage::connected(welcome).await;
        let mut deliveries = Vec::new();
        for number in 0..window + 3 {
            deliveries.push(stage.link.publish(Message::new("t", [number])).await.unwrap());
        }
        let mut ids = Vec::new();
        for number in 0..window {
            let (id, payload) = peer.hears_message().await;
            assert_eq!(payload, number, "in order");
            ids.push(id);
        }
        peer.says(&asked(9, b'a')).await;
        stage.message().await.ack.done();
        assert_eq!(peer.hears().await, (PUBACK, vec![0, 9]), "the confirmation, and no message beyond {window}");
        for id in ids.into_iter().rev() {
            peer.confirms(id).await;
        }
        for _ in 0..3 {
            let (id, _) = peer.hears_message().await;
            peer.confirms(id).await;
        }
        for delivery in deliveries {
            assert_eq!(delivery.await, Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_confirmed_travels_again_over_any_number_of_connections() {
    let (mut stage, mut peer) = Stage::connected(WELCOME_V5).await;
    let delivery = stage.link.publish(Message::new("t", "x")).await.unwrap();
    for _ in 0..4 {
        peer.hears_message().await;
        drop(peer);
        stage.down().await;
        peer = stage.accept().await;
        peer.welcomes(WELCOME_V5).await;
        stage.up().await;
    }
    let (id, payload) = peer.hears_message().await;
    assert_eq!(payload, b'x');
    peer.confirms(id).await;
    assert_eq!(delivery.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_broker_hangs_up_on_ends_with_an_error_and_the_next_one_arrives() {
    let (mut stage, mut peer) = Stage::connected(WELCOME_V5).await;
    let poison = stage.link.publish(Message::new("t", "poison")).await.unwrap();
    let good = stage.link.publish(Message::new("t", "good")).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (id, end) = peer.hears_message().await;
            if end == b'd' {
                peer.confirms(id).await;
                let _last = peer.takes().await;
                return;
            }
            drop(peer);
            peer = stage.accept().await;
            peer.welcomes(WELCOME_V5).await;
        }
    });
    assert_eq!(poison.await, Err(DeliveryError::HungUpOn));
    assert_eq!(good.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_does_not_allow_is_refused_before_it_is_queued() {
    // CONNACK: at most 100 bytes a packet, no retained messages.
    let welcome = [0x20, 10, 0, 0, 7, 0x27, 0, 0, 0, 100, 0x25, 0];
    let (stage, mut peer) = Stage::connected(&welcome).await;
    let large = stage.link.publish(Message::new("t", vec![0; 100])).await.unwrap_err();
    assert_eq!(large, PublishError::TooLarge { bytes: 108, limit: 100 });
    let retained = Message { retain: true, ..Message::new("t", vec![0; 90]) };
    let delivery = stage.link.publish(retained).await.unwrap();
    let (first, body) = peer.hears().await;
    assert_eq!((first, body.len()), (0x32, 96), "the retain flag is not set");
    peer.confirms(u16::from(body[4])).await;
    assert_eq!(delivery.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_message_too_large_from_a_3_1_1_broker_is_told_confirmed_and_survived() {
    let small = LinkSettings { max_packet: 1024, versions: Versions::Only(Version::V311), ..settings() };
    let mut stage = open(small);
    let mut peer = stage.accept().await;
    peer.welcomes(&[0x20, 2, 0, 0]).await;
    stage.up().await;
    let mut large = vec![0x32, 0x87, 0x27, 0, 3, b'a', b's', b'k', 0, 5]; // 4 999 bytes follow the header
    large.resize(3 + 4_999, b'x');
    peer.says(&large).await;
    assert_eq!(peer.hears().await, (PUBACK, vec![0, 5]));
    let Some(Event::TooLarge { topic, bytes }) = stage.events.recv().await else { panic!("not told") };
    assert_eq!((topic.as_str(), bytes), ("ask", 5_002));
    peer.says(&[0x32, 8, 0, 3, b'a', b's', b'k', 0, 6, b'y']).await;
    assert_eq!(stage.message().await.message.payload, b"y");
}

#[tokio::test(start_paused = true)]
async fn users_who_take_nothing_out_cannot_make_the_link_hoard_or_stall() {
    let (stage, mut peer) = Stage::connected(WELCOME_V5).await;
    for _ in 0..200 {
        peer.says(&[0x30, 7, 0, 3, b'a', b's', b'k', 0, b'z']).await;
    }
    let delivery = stage.link.publish(Message::new("t", "x")).await.unwrap();
    let (id, _) = peer.hears_message().await;
    peer.confirms(id).await;
    assert_eq!(delivery.await, Ok(()), "it still sends and hears");
    assert_eq!(stage.link.dropped(), 200 - 128, "QoS 0 beyond the queue is dropped and counted");
    peer.says(&asked(1, b'a')).await;
    while peer.takes().await.is_some() {}
    let mut stage = stage;
    let (why, _) = stage.down().await;
    assert_eq!(why, Why::Overrun, "QoS 1 beyond the queue is left to the broker");
}

#[tokio::test(start_paused = true)]
async fn chunks_are_dropped_and_counted_while_the_link_is_down() {
    let mut stage = open(settings());
    assert_eq!(stage.link.try_publish(Message::new("t", "x")), Err(PublishError::Dropped));
    assert_eq!(stage.link.dropped(), 1);
    let mut peer = stage.accept().await;
    peer.welcomes(WELCOME_V5).await;
    stage.up().await;
    assert_eq!(stage.link.try_publish(Message::new("t", "x")), Ok(()));
    assert_eq!(peer.hears().await.0, 0x30, "at QoS 0 whatever the message says");
}

#[tokio::test(start_paused = true)]
async fn users_who_take_everything_out_and_confirm_nothing_are_cut_off_before_the_acks_could_overflow() {
    let (mut stage, mut peer) = Stage::connected(WELCOME_V5).await;
    for id in 1..=65 {
        peer.says(&asked(id, b'a')).await;
        if id < 65 {
            stage.message().await;
        }
    }
    assert_eq!(stage.down().await.0, Why::Overrun);
}

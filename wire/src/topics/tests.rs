//! That topics are what the tree says, and that nobody has Hob speak where it should not.

use proptest::prelude::*;

use super::*;

fn topics() -> Topics {
    Topics::new("hob", "pi").unwrap()
}

#[test]
fn every_channel_has_its_topic() {
    let (topics, id) = (topics(), PromptId::new("q1").unwrap());
    let made = [
        topics.ask(),
        topics.fleet_ask(),
        topics.embed(),
        topics.set_level(),
        topics.set_telemetry(),
        topics.set_cancel(),
        topics.grid_intensity(Feed::Site),
        topics.grid_intensity(Feed::Own),
        topics.answer(&id),
        topics.stream(&id),
        topics.event(),
        topics.status(),
        topics.info(),
        topics.level(),
        topics.last_answer(),
        topics.power(),
        topics.why(),
        topics.telemetry(),
    ];
    assert_eq!(CHANNELS.len(), made.len());
    for (channel, made) in CHANNELS.iter().zip(made) {
        let address = channel.address.replace("{prefix}", "hob").replace("{device}", "pi").replace("{id}", id.as_str());
        assert_eq!(made, address, "{}", channel.name);
    }
}

#[test]
fn what_comes_in_is_told_apart_and_all_else_is_nothing() {
    let table = [
        ("hob/pi/ask", Some(Inbound::Ask)),
        ("hob/ask", Some(Inbound::Ask)),
        ("hob/pi/embed", Some(Inbound::Embed)),
        ("hob/pi/set/level", Some(Inbound::SetLevel)),
        ("hob/pi/set/telemetry", Some(Inbound::SetTelemetry)),
        ("hob/pi/set/cancel", Some(Inbound::SetCancel)),
        ("hob/grid_intensity", Some(Inbound::GridIntensity(Feed::Site))),
        ("hob/pi/grid_intensity", Some(Inbound::GridIntensity(Feed::Own))),
        ("hob/pi2/grid_intensity", None),
        ("hob/pi2/ask", None),
        ("hobby/pi/ask", None),
        ("hob/pi/ask/more", None),
        ("hob/pi/answer/q1", None),
        ("hob", None),
        ("", None),
    ];
    for (topic, inbound) in table {
        assert_eq!(topics().inbound(topic), inbound, "{topic}");
    }
    for filter in topics().filters() {
        assert!(topics().inbound(&filter).is_some(), "{filter} is subscribed, so it must be read");
    }
}

#[test]
fn the_share_of_a_fleet_has_a_name_without_slashes() {
    assert_eq!(topics().fleet_share(), "$share/hob/hob/ask");
    assert_eq!(Topics::new("farm/hob", "pi").unwrap().fleet_share(), "$share/farm-hob/farm/hob/ask");
}

#[test]
fn names_that_would_break_topics_are_refused() {
    let long = "x".repeat(MAX_PREFIX_BYTES + 1);
    for prefix in ["", "/hob", "hob/", "a//b", "$hob", "h+b", "#", "a/#", "a b", "a\0b", "a\n", long.as_str()] {
        assert_eq!(Topics::new(prefix, "pi"), Err(BadName::Prefix(prefix.to_owned())));
    }
    let long = "x".repeat(MAX_DEVICE_BYTES + 1);
    for device in ["", "a/b", "+", "#", "pi 4", "pi\0", "päi", long.as_str()] {
        assert_eq!(Topics::new("hob", device), Err(BadName::Device(device.to_owned())));
    }
    assert!(Topics::new("höfe/nord", "pi-4.local_1").is_ok());
}

#[test]
fn answers_go_only_where_the_site_allows() {
    let allow = ["hob/".to_owned(), "app/replies".to_owned(), String::new()];
    let table = [
        ("hob/x", Ok(())),
        ("hob/pi/answer/q1", Ok(())),
        ("app/replies", Ok(())),
        ("app/replies/7", Ok(())),
        ("app/replies7", Err(BadReply::NotAllowed)),
        ("hobby/x", Err(BadReply::NotAllowed)),
        ("hob", Err(BadReply::NotAllowed)),
        ("hob/", Err(BadReply::NotAllowed)),
        ("homeassistant/light/x/config", Err(BadReply::NotAllowed)),
        ("/x", Err(BadReply::NotAllowed)),
        ("", Err(BadReply::Length)),
        ("hob/+", Err(BadReply::Wildcard)),
        ("hob/#", Err(BadReply::Wildcard)),
        ("hob/\0", Err(BadReply::Control)),
        ("hob/\u{85}", Err(BadReply::Control)),
        ("$SYS/x", Err(BadReply::Dollar)),
        ("$share/g/hob/x", Err(BadReply::Dollar)),
        ("hob/ask", Err(BadReply::Reserved)),
        ("hob/pi/ask", Err(BadReply::Reserved)),
        ("hob/pi2/set/level", Err(BadReply::Reserved)),
        ("hob/pi/state/level", Err(BadReply::Reserved)),
        ("hob/pi/status", Err(BadReply::Reserved)),
        ("hob/grid_intensity", Err(BadReply::Reserved)),
        ("hob/pi2/grid_intensity", Err(BadReply::Reserved)),
    ];
    for (topic, verdict) in table {
        assert_eq!(topics().may_answer_to(topic, &allow), verdict, "{topic:?}");
    }
    assert_eq!(allowed_reply(&format!("hob/{}", "x".repeat(600)), &allow), Err(BadReply::Length));
    assert_eq!(allowed_reply("hob/x", &[]), Err(BadReply::NotAllowed), "nothing allowed, nothing answered");
}

proptest! {
    #[test]
    fn no_topic_that_may_be_answered_to_is_read_by_a_hob(topic in "(hob|hobby|\\$x)(/(ask|pi|set|level|embed|grid_intensity|x|\\+)){0,3}") {
        if topics().may_answer_to(&topic, &["hob/".to_owned()]).is_ok() {
            prop_assert!(topics().inbound(&topic).is_none());
            prop_assert!(topic.starts_with("hob/") && !topic.contains('+'));
        }
    }
}

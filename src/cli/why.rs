//! `hob why`: the last decision in a sentence, as the broker keeps it.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use hob_mqtt::{Event, Qos};
use hob_wire::state::Why;
use tokio::time::timeout;

use super::{args::WhyArgs, print, visit::Visit};
use crate::settings::Settings;

/// How long the broker takes to say what it keeps.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(settings: &Settings, args: &WhyArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(why(settings, args))
}

async fn why(settings: &Settings, args: &WhyArgs) -> anyhow::Result<ExitCode> {
    let visit = Visit::to(settings, &args.place, "why").await?;
    let filter = (visit.topics.why(), Qos::AtLeastOnce);
    let (link, mut events, topics) = visit.open(vec![filter])?;
    let kept = loop {
        match timeout(PATIENCE, events.recv()).await {
            Ok(Some(Event::Message(incoming))) => {
                incoming.ack.done();
                break incoming.message.payload;
            }
            Ok(Some(Event::Down { why, .. })) => bail!("{why}: {}", why.remedy()),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => bail!("{} has not decided anything yet; ask it something first", topics.device()),
        }
    };
    link.close(Duration::from_secs(1)).await;
    let text = String::from_utf8_lossy(&kept);
    let said: Why = serde_json::from_slice(&kept).context("what the broker keeps is no decision of this version of Hob")?;
    print::line(if args.json { &text } else { &said.sentence });
    Ok(ExitCode::SUCCESS)
}

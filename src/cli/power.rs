//! `hob power`: what the board draws and where it goes, live; and how far its meter is off.

mod calibrate;
mod chart;

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use hob_core::units::Milliwatts;
use hob_mqtt::{Event, Link, Message, Qos};
use hob_wire::state::{PowerState, Telemetry};
use tokio::time::{Instant, timeout};

use super::{
    args::{PowerArgs, PowerCommand},
    print,
    visit::Visit,
};
use crate::settings::Settings;

/// Telemetry comes once a second for so long after each wish.
const WISH: &str = r#"{"every_s":1,"for_s":60}"#;
/// The wish is repeated before it runs out.
const AGAIN: Duration = Duration::from_secs(30);
/// A device that is there says something within this.
const PATIENCE: Duration = Duration::from_secs(15);
/// Columns and lines of the chart.
const SIZE: (usize, u32) = (60, 8);

pub(super) fn run(settings: &Settings, args: &PowerArgs) -> anyhow::Result<ExitCode> {
    if let Some(PowerCommand::Calibrate { against, seconds }) = args.command {
        return calibrate::run(settings, against, seconds);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(settings, args))
}

/// What is shown.
#[derive(Default)]
struct Screen {
    draws: Vec<Milliwatts>,
    power: Option<PowerState>,
    /// Lines of the last picture, to be drawn over.
    drawn: usize,
}

async fn watch(settings: &Settings, args: &PowerArgs) -> anyhow::Result<ExitCode> {
    let visit = Visit::to(settings, &args.place, "power").await?;
    let filters = vec![(visit.topics.telemetry(), Qos::AtMostOnce), (visit.topics.power(), Qos::AtLeastOnce)];
    let (link, mut events, topics) = visit.open(filters)?;
    let (mut screen, mut left) = (Screen::default(), args.count.unwrap_or(u64::MAX));
    let mut again = Instant::now();
    while left > 0 {
        let Ok(event) = timeout(PATIENCE, events.recv()).await else { bail!("{} says nothing; is it on?", topics.device()) };
        let incoming = match event.context("the link to the broker is closed")? {
            Event::Message(incoming) => incoming,
            Event::Up { .. } => {
                wish(&link, topics.set_telemetry()).await?;
                again = Instant::now() + AGAIN;
                continue;
            }
            Event::Down { why, .. } => bail!("{why}: {}", why.remedy()),
            _ => continue,
        };
        let (topic, body) = (incoming.message.topic, incoming.message.payload);
        incoming.ack.done();
        if topic == topics.power() {
            screen.power = serde_json::from_slice(&body).ok();
            continue;
        }
        let telemetry: Telemetry = serde_json::from_slice(&body).context("telemetry of another version of Hob")?;
        left -= 1;
        if args.json {
            print::line(&String::from_utf8_lossy(&body));
        } else {
            screen.show(&telemetry);
        }
        if Instant::now() >= again {
            wish(&link, topics.set_telemetry()).await?;
            again = Instant::now() + AGAIN;
        }
    }
    link.close(Duration::from_secs(1)).await;
    Ok(ExitCode::SUCCESS)
}

/// Asks for telemetry once a second, for a while.
async fn wish(link: &Link, topic: String) -> anyhow::Result<()> {
    let message = Message { qos: Qos::AtLeastOnce, ..Message::new(topic, WISH) };
    drop(link.publish(message).await?);
    Ok(())
}

impl Screen {
    fn show(&mut self, telemetry: &Telemetry) {
        let draw = telemetry.power_w.map(|watts| Milliwatts(u32::try_from(watts.0).unwrap_or(0)));
        self.draws.extend(draw);
        let excess = self.draws.len().saturating_sub(SIZE.0);
        self.draws.drain(..excess);
        let mut lines = chart::chart(&self.draws, SIZE.0, SIZE.1);
        lines.push(self.now(telemetry));
        lines.extend(self.power.as_ref().into_iter().flat_map(books));
        if !std::io::stdout().is_terminal() {
            print::line(&self.now(telemetry));
            return;
        }
        // Up over the last picture, each line cleared to its end.
        let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        self.drawn = lines.len();
        print::piece(&format!("{up}{}\x1b[K\n", lines.join("\x1b[K\n")));
    }

    fn now(&self, telemetry: &Telemetry) -> String {
        let draw = telemetry.power_w.map_or("the meter is silent".to_owned(), |watts| format!("{watts} W"));
        let idle = self.power.as_ref().and_then(|power| power.idle_w).map_or(String::new(), |watts| format!(", idle {watts} W"));
        let level = telemetry.level.as_deref().unwrap_or("no model");
        let temperature = telemetry.temp_c.map_or(String::new(), |celsius| format!(", {celsius} °C"));
        format!(
            "{draw}{idle} (source: {}); {level}, {} answering, {} waiting{temperature}",
            telemetry.source, telemetry.running, telemetry.queue
        )
    }
}

/// Where it went, and what the battery holds.
fn books(power: &PowerState) -> Vec<String> {
    let all = &power.books.total;
    let mut lines =
        vec![format!("so far: answers {} Wh, loading {} Wh, waiting {} Wh", all.answers_wh, all.overhead_wh, all.idle_wh)];
    if let Some(battery) = &power.battery {
        let left = battery.answers_left.as_ref().and_then(|left| Some((left.p10?, left.p90?)));
        let left = left.map_or(String::new(), |(poor, good)| format!(", {poor} to {good} answers left"));
        lines.push(format!("battery: {} % ± {} of {} Wh{left}", battery.charge_pct, battery.bound_pct, battery.full_wh));
    }
    if let Some(solar) = power.solar_w {
        lines.push(format!("sun: {solar} W"));
    }
    if !power.thrift.is_empty() {
        lines.push(format!("switched off to save power: {}", power.thrift.join(", ")));
    }
    lines
}

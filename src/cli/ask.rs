//! `hob ask`: a client like any other, over MQTT 5 or 3.1.1.
//!
//! Promise: it asks again with the same id until it hears `accepted`, so that a broker that forgets loses nothing.

use std::{io::Read, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use hob_core::prompt::PromptId;
use hob_mqtt::{Event, Events, Link, Message, Properties, Qos};
use hob_wire::{
    properties,
    reply::{Answer, Chunk, Reply},
    topics::Topics,
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{args::AskArgs, print, visit::Visit};
use crate::settings::Settings;

/// How long `accepted` may take before the prompt is sent again.
const AGAIN: Duration = Duration::from_secs(5);

pub(super) fn run(settings: &Settings, args: AskArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(settings, args))
}

/// Where things go while one prompt is asked.
struct Talk {
    link: Link,
    events: Events,
    topics: Topics,
    id: PromptId,
    deadline: Instant,
}

async fn ask(settings: &Settings, args: AskArgs) -> anyhow::Result<ExitCode> {
    let id = match &args.id {
        Some(id) => PromptId::new(id.clone()).context("--id")?,
        None => PromptId::new(format!("ask-{:016x}", fastrand::u64(..)))?,
    };
    let payload = request(&args, &id)?;
    let visit = Visit::to(settings, &args.place, "ask").await?;
    let filters = vec![(visit.topics.answer(&id), Qos::AtLeastOnce), (visit.topics.stream(&id), Qos::AtMostOnce)];
    let (link, events, topics) = visit.open(filters)?;
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let mut talk = Talk { link, events, topics, id, deadline };
    let outcome = talk.hear(&payload, &args).await;
    talk.link.close(Duration::from_secs(1)).await;
    outcome
}

/// The prompt as JSON: only what was given, so that the device's own settings hold for the rest.
fn request(args: &AskArgs, id: &PromptId) -> anyhow::Result<Vec<u8>> {
    let mut prompt = args.prompt.clone();
    if prompt == "-" {
        prompt.clear();
        std::io::stdin().take(1 << 20).read_to_string(&mut prompt).context("standard input")?;
    }
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let schema = args.json_schema.as_ref().map(read).transpose()?;
    let schema: Option<Value> = schema.map(|text| serde_json::from_str(&text).context("--json-schema")).transpose()?;
    let grammar = args.grammar.as_ref().map(read).transpose()?;
    let fields = [
        ("system", args.system.clone().map(Value::from)),
        ("model", args.model.clone().map(Value::from)),
        ("level", args.level.clone().map(Value::from)),
        ("max_tokens", args.max_tokens.map(Value::from)),
        ("temperature", args.temperature.map(Value::from)),
        ("seed", args.seed.map(Value::from)),
        ("json_schema", schema),
        ("grammar", grammar.map(Value::from)),
        ("deadline_ms", args.deadline_ms.map(Value::from)),
        ("max_joules", args.max_joules.map(Value::from)),
        ("min_quality", args.min_quality.map(Value::from)),
    ];
    let mut request = Map::from_iter([
        ("v".to_owned(), json!(1)),
        ("id".to_owned(), json!(id.as_str())),
        ("prompt".to_owned(), json!(prompt)),
        ("stream".to_owned(), json!(!args.json && !args.no_stream)),
    ]);
    request.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(serde_json::to_vec(&request)?)
}

impl Talk {
    async fn send(&self, payload: &[u8]) -> anyhow::Result<()> {
        let properties =
            Properties { content_type: Some(properties::JSON.into()), payload_is_utf8: true, ..Properties::default() };
        let message = Message { qos: Qos::AtLeastOnce, properties, ..Message::new(self.topics.ask(), payload) };
        drop(self.link.publish(message).await?);
        Ok(())
    }

    async fn hear(&mut self, payload: &[u8], args: &AskArgs) -> anyhow::Result<ExitCode> {
        let (mut accepted, mut said) = (false, 0_u64);
        let mut again = Instant::now() + AGAIN;
        loop {
            let wake = if accepted { self.deadline } else { again.min(self.deadline) };
            let event = match timeout_at(wake, self.events.recv()).await {
                Ok(Some(event)) => event,
                Ok(None) => bail!("the link to the broker is closed"),
                Err(_) if Instant::now() >= self.deadline => {
                    bail!("no answer within {} s; ask again with --id {}", args.timeout, self.id)
                }
                Err(_) => {
                    self.send(payload).await?;
                    again = Instant::now() + AGAIN;
                    continue;
                }
            };
            let incoming = match event {
                Event::Up { .. } => {
                    self.send(payload).await?;
                    again = Instant::now() + AGAIN;
                    continue;
                }
                Event::Down { why, .. } => {
                    print::note(&format!("hob: {why}: {}", why.remedy()));
                    continue;
                }
                Event::Message(incoming) => incoming,
                _ => continue,
            };
            let (topic, body) = (incoming.message.topic, incoming.message.payload);
            incoming.ack.done();
            if topic == self.topics.stream(&self.id) {
                // Pieces may be missing: then the answer itself is printed whole.
                if let Ok(Chunk { seq, delta: Some(text), .. }) = serde_json::from_slice(&body)
                    && seq == said
                {
                    print::piece(&text);
                    said += 1;
                }
                continue;
            }
            match serde_json::from_slice::<Reply>(&body).context("the answer is not one")? {
                Reply::Accepted(_) => accepted = true,
                Reply::Error(failure) if args.json => {
                    print::line(&String::from_utf8_lossy(&body));
                    drop(failure);
                    return Ok(ExitCode::FAILURE);
                }
                Reply::Error(failure) => bail!("{}", failure.error),
                Reply::Ok(_) if args.json => {
                    print::line(&String::from_utf8_lossy(&body));
                    return Ok(ExitCode::SUCCESS);
                }
                Reply::Ok(answer) => {
                    show(&answer, said);
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }
}

/// The answer, if it was not streamed, and its account.
fn show(answer: &Answer, streamed: u64) {
    print::line(if streamed == 0 { &answer.text } else { "" });
    let account = &answer.account;
    let speed = account.tokens_per_s.map_or("too short to tell".into(), |speed| format!("{speed} tokens/s"));
    let first = account.ms.first_token.map_or(String::new(), |first| format!(", first token after {first} ms"));
    print::line(&format!("\n  level   {} of {}, because: {}", account.level, account.model, because(&account.why)));
    print::line(&format!(
        "  tokens  {} asked ({} known already), {} answered, {speed}; ended by: {}",
        account.tokens.prompt,
        account.tokens.cached,
        account.tokens.completion,
        account.finish.as_str()
    ));
    print::line(&format!("  time    {} ms, of which {} ms waiting{first}", account.ms.total, account.ms.queue));
    let energy = &account.energy;
    let marks: Vec<String> = energy.marks.iter().filter_map(|mark| serde_json::to_string(mark).ok()).collect();
    let marks = if marks.is_empty() { String::new() } else { format!("; in doubt: {}", marks.join(", ")) };
    print::line(&format!(
        "  energy  {} J ± {} %: {} J idle and {} J for the answer (source: {}{marks})",
        energy.wall_j, energy.u_abs_pct, energy.idle_j, energy.marginal_j, energy.source
    ));
    if let Some(co2) = &account.co2 {
        let year = co2.year.map_or(String::new(), |year| format!(", {year}"));
        print::line(&format!(
            "  carbon  {} g CO2e ({} to {}), an estimate: {} g of power at {} g/kWh ({}{year}), {} g of making the board",
            co2.g, co2.lo_g, co2.hi_g, co2.operational_g, co2.g_per_kwh, co2.source, co2.embodied_g
        ));
    }
}

/// A reason code as a sentence. `hob why` has the numbers.
fn because(why: &str) -> &str {
    match why {
        "best" => "it is the best on the shelf, and fits (best)",
        "asked" => "it was asked for (asked)",
        "ram" => "better ones need more memory than is free (ram)",
        "power_cap" => "better ones draw more power than is left (power_cap)",
        "hold" => "changing would gain too little (hold)",
        "pressure" => "other programs wait for memory (pressure)",
        "thermal" => "the processor is hot (thermal)",
        "under_voltage" => "the power supply is weak (under_voltage)",
        "surplus" => "battery and sun have enough for it (surplus)",
        "scarcity" => "the battery would not last with a better one (scarcity)",
        "backlog" => "more of those who wait are answered in time (backlog)",
        "quality" => "the mode asks for quality (quality)",
        "endurance" => "the mode asks for endurance (endurance)",
        "budget" => "more would cost more than the prompt allows (budget)",
        "deadline" => "more would come too late (deadline)",
        "min_quality" => "poorer ones are not good enough for the prompt (min_quality)",
        other => other,
    }
}

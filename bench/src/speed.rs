//! How fast: the whole daemon over MQTT against the bare loop, and a known prefix against an unknown one.
//!
//! Promise: both take turns, first one then the other begins; every prompt is new to the daemon from its first words,
//! so that nothing kept from before helps it. What counts is the median over the pairs.
//! Deliberately absent: other models; how the levels compare is measured elsewhere.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::{
    bare::{Bare, Run},
    house::{House, ask, model, number, written},
    report::{Report, Target, cores, median},
};

/// Pairs of a comparison.
const PAIRS: u32 = 7;
/// Tokens of an answer.
const TOKENS: u32 = 128;
/// Prefixes that are tried.
const PREFIXES: u32 = 6;
/// What is asked runs long.
const SUBJECTS: [&str; 8] = [
    "the sea and the ships on it",
    "a winter in the mountains",
    "the bakers of an old town",
    "a railway through the desert",
    "two children who find a map",
    "the last lighthouse keeper",
    "bees and the flowers of spring",
    "a king who could not sleep",
];

/// One measured pair, as tokens a second.
struct Pair {
    whole: (f64, f64),
    decode: (f64, f64),
    cpu: (f64, f64),
    same: bool,
}

fn share(pairs: &[Pair], of: impl Fn(&Pair) -> (f64, f64)) -> (f64, String) {
    let percent = median(pairs.iter().map(&of).map(|(hob, bare)| 100.0 * hob / bare));
    let (hob, bare) = (median(pairs.iter().map(|pair| of(pair).0)), median(pairs.iter().map(|pair| of(pair).1)));
    (percent, format!("{hob:.2} against {bare:.2}"))
}

/// Tokens per second of one prompt through the daemon, as a share of the bare loop's.
pub(crate) async fn one(report: &mut Report) -> anyhow::Result<()> {
    for threads in threads() {
        let pairs = compare(1, threads, 4, Cache::Empty).await?;
        let name = |what: &str| format!("one prompt, {what}, threads: {threads}");
        rate(report, name("decoding"), share(&pairs, |pair| pair.decode), Target::Least(98.0));
        rate(report, name("from asked to answered over MQTT"), share(&pairs, |pair| pair.whole), Target::Least(98.0));
        let (percent, detail) = share(&pairs, |pair| pair.cpu);
        let same = pairs.iter().filter(|pair| pair.same).count();
        let detail = format!("{detail} s; {same} of {} texts the same", pairs.len());
        report.row(name("CPU time"), percent, "%", Target::Told, detail);
        // Masked cells of kept conversations are skipped, but one by one, and shared out to threads as if they were work.
        let pairs = compare(1, threads, 4, Cache::Kept).await?;
        rate(report, name("decoding with seven other conversations kept"), share(&pairs, |pair| pair.decode), Target::Told);
    }
    Ok(())
}

/// Tokens per second of eight prompts together.
pub(crate) async fn eight(report: &mut Report) -> anyhow::Result<()> {
    for threads in threads() {
        let pairs = compare(8, threads, 8, Cache::Empty).await?;
        let name = |what: &str| format!("eight prompts, {what}, threads: {threads}");
        rate(report, name("from asked to answered over MQTT"), share(&pairs, |pair| pair.whole), Target::Least(95.0));
        let (percent, detail) = share(&pairs, |pair| pair.cpu);
        report.row(name("CPU time"), percent, "%", Target::Told, format!("{detail} s"));
    }
    Ok(())
}

fn rate(report: &mut Report, name: String, (percent, detail): (f64, String), target: Target) {
    report.row(name, percent, "%", target, format!("{detail} tokens/s"));
}

/// What the daemon's cache holds when it is asked; the bare loop's is always empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// A daemon that was just started.
    Empty,
    /// One daemon for all pairs, which keeps what it can, asked for seven conversations first.
    Kept,
}

/// All cores, and one.
fn threads() -> Vec<usize> {
    let mut threads = vec![cores(), 1];
    threads.dedup();
    threads
}

async fn compare(prompts: usize, threads: usize, slots: u32, cache: Cache) -> anyhow::Result<Vec<Pair>> {
    let bare = Bare::open(&model()?)?;
    let mut context = bare.context(prompts.try_into()?, threads)?;
    let (threads, slots) = (threads.to_string(), slots.to_string());
    let settings = [("HOB_ENGINE__THREADS", threads.as_str()), ("HOB_ENGINE__SLOTS", &slots)];
    let mut house = start(&settings).await?;
    if cache == Cache::Kept {
        for round in 0..7 {
            house.ask(&asks(100 + round, &texts(round.try_into()?, 1))).await?;
        }
    }
    let mut pairs = Vec::new();
    for round in 0..=PAIRS {
        if cache == Cache::Empty && round > 0 {
            drop(house);
            house = start(&settings).await?;
        }
        let texts = texts(round.try_into()?, prompts);
        let plain: Vec<String> = texts.iter().map(|(system, prompt)| written(system, prompt)).collect();
        let mut alone = || -> anyhow::Result<(Run, f64)> {
            let before = own_cpu()?;
            let run = bare.run(&mut context, &plain, TOKENS)?;
            Ok((run, own_cpu()? - before))
        };
        let early = if round % 2 == 0 { Some(alone()?) } else { None };
        let before = house.cpu()?;
        let (answers, took) = house.ask(&asks(round, &texts)).await?;
        let cpu = house.cpu()? - before;
        let (run, bare_cpu) = early.map_or_else(alone, Ok)?;
        // The first round warms both up.
        if round > 0 {
            pairs.push(pair(&answers, took, &run, (cpu, bare_cpu))?);
        }
    }
    Ok(pairs)
}

/// A daemon that has answered something, so that it knows its pace and has touched its memory, as the bare loop has.
async fn start(settings: &[(&str, &str)]) -> anyhow::Result<House> {
    let mut house = House::up(settings).await?;
    for round in 0..2 {
        let rest = "and then say hello to the sea, to the ships on it, to the wind and to all the birds.";
        house.ask(&[ask(&format!("warm-{round}"), &format!("You are short, {round}."), &format!("Listen, {rest}"), 16)]).await?;
    }
    Ok(house)
}

/// Standing instructions and questions of a round.
fn texts(round: usize, prompts: usize) -> Vec<(String, String)> {
    let subjects = SUBJECTS.iter().cycle().skip(round % SUBJECTS.len()).take(prompts).enumerate();
    let text = |(place, subject): (usize, &&str)| {
        (format!("{round}{place} is your number. You tell long stories."), format!("Tell me a long story about {subject}."))
    };
    subjects.map(text).collect()
}

fn asks(round: u32, texts: &[(String, String)]) -> Vec<Value> {
    let ask = |(place, (system, prompt)): (usize, &(String, String))| ask(&format!("r{round}-{place}"), system, prompt, TOKENS);
    texts.iter().enumerate().map(ask).collect()
}

fn pair(answers: &[Value], took: Duration, run: &Run, cpu: (f64, f64)) -> anyhow::Result<Pair> {
    let sum = |path: &str| answers.iter().map(|answer| number(answer, path)).sum::<anyhow::Result<f64>>();
    let (completion, prompt) = (sum("/tokens/completion")?, sum("/tokens/prompt")?);
    ensure!((prompt - f64::from(run.prompt)).abs() < 0.5, "Hob's prompts have {prompt} tokens, the bare loop's {}", run.prompt);
    let first = answers.first().map_or(Ok(0.0), |answer| number(answer, "/tokens_per_s"))?;
    let text = |answer: &Value| answer.get("text").and_then(Value::as_str).map(|text| text.trim().to_owned());
    Ok(Pair {
        whole: (completion / took.as_secs_f64(), per_second(run.completion, run.whole)),
        decode: (first, per_second(run.completion.saturating_sub(1), run.decode)),
        cpu,
        same: answers.iter().zip(&run.texts).all(|(answer, said)| text(answer).as_deref() == Some(said.trim())),
    })
}

fn own_cpu() -> anyhow::Result<f64> {
    crate::house::cpu(std::path::Path::new("/proc/self"))
}

fn per_second(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}

/// Time to the first token of a prompt whose first 450 tokens were seen before, as a share of one whose were not.
pub(crate) async fn prefix(report: &mut Report) -> anyhow::Result<()> {
    let mut house = House::up(&[("HOB_ENGINE__THREADS", "1")]).await?;
    house.ask(&[ask("warm", "You are short.", "Say hello.", 4)]).await?;
    let (mut first, mut prompt, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..PREFIXES {
        // Words of one token each; the first differs, so that nothing is known of a new prefix.
        let words = ["rain", "wind", "snow", "fire", "gold", "salt", "wood", "milk"];
        let skipped = usize::try_from(round)?;
        let system: Vec<&str> = words.iter().cycle().skip(skipped).step_by(1 + skipped % 3).take(440).copied().collect();
        let system = format!("{round} {}", system.join(" "));
        let fresh = house.ask(&[ask(&format!("p{round}-0"), &system, "What is the capital of Italy?", 4)]).await?.0;
        let again = house.ask(&[ask(&format!("p{round}-1"), &system, "How many legs has a cat?", 4)]).await?.0;
        let (Some(fresh), Some(again)) = (fresh.first(), again.first()) else { continue };
        first.push((number(again, "/ms/first_token")?, number(fresh, "/ms/first_token")?));
        prompt.push((number(again, "/ms/prompt")?, number(fresh, "/ms/prompt")?));
        known.push(number(again, "/tokens/cached")?);
    }
    let cached = median(known);
    for (name, times) in [("time to the first token", first), ("prefill", prompt)] {
        let (with, without) = (median(times.iter().map(|time| time.0)), median(times.iter().map(|time| time.1)));
        let percent = median(times.iter().map(|(with, without)| 100.0 * with / without));
        let detail = format!("{with} ms against {without} ms, {cached} tokens known, {PREFIXES} prefixes");
        report.row(format!("{name}, prefix seen before, 1 thread"), percent, "%", Target::Most(8.0), detail);
    }
    Ok(())
}

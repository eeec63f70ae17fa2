//! What the daemon takes: memory beyond what llama.cpp says it needs, and CPU time while nobody asks.

use std::time::{Duration, Instant};

use anyhow::Context;
use hob::ladder::{ServingPlan, predict};

use crate::{
    house::{House, ask},
    report::{Report, Target},
};

/// How long an idle daemon is watched.
const WATCH: Duration = Duration::from_secs(30);

/// The resident set beyond weights, cache and compute buffers, and how well the whole was predicted.
pub(crate) async fn memory(report: &mut Report) -> anyhow::Result<()> {
    // llama.cpp's own words about its buffers.
    let mut house = House::up(&[("HOB_ENGINE__THREADS", "1"), ("HOB_LOG__LEVEL", "info,llama-cpp-2=debug")]).await?;
    for round in 0..4_u32 {
        let asks: Vec<_> = (0..4)
            .map(|place| {
                ask(
                    &format!("m{round}-{place}"),
                    &format!("{round}{place} {}", "rain ".repeat(120)),
                    "Tell me about the sea.",
                    24,
                )
            })
            .collect();
        house.ask(&asks).await?;
    }
    let mb = |bytes: f64| bytes / 1e6;
    let resident =
        |name: &str| -> anyhow::Result<f64> { Ok(mb(f64::from(u32::try_from(house.memory(name)? / 1_024)?) * 1_024.0)) };
    let (rss, anon, file) = (resident("VmRSS")?, resident("RssAnon")?, resident("RssFile")?);
    let log = house.log();
    let said = |name: &str| buffer(&log, name).with_context(|| format!("llama.cpp says nothing of its {name} buffer"));
    let (weights, cache, compute, output) = (said("model")?, said("KV")?, said("compute")?, said("output")?);
    let needed = mb(weights + cache + compute + output);
    let detail = format!(
        "VmRSS {rss:.1} (anonymous {anon:.1}, files {file:.1}) less weights {:.1}, KV {:.1}, compute {:.1}, logits {:.1}",
        mb(weights),
        mb(cache),
        mb(compute),
        mb(output)
    );
    report.row("resident beyond weights, KV cache and compute buffers", rss - needed, "MB", Target::Most(25.0), detail);
    let shelf = hob_shelf::Shelf::open(&house.shelf())?;
    let level = shelf.levels.first().context("the shelf is empty")?;
    let parts = predict(level, ServingPlan { slots: 4, context: 2_048, batch: 128 });
    let predicted = mb(f64::from(u32::try_from(parts.total().0 / 1_024)?) * 1_024.0);
    let off = 100.0 * (predicted / rss - 1.0).abs();
    report.row(
        "prediction of the resident set, off by",
        off,
        "%",
        Target::Most(10.0),
        format!("predicted {predicted:.1}, measured {rss:.1} MB"),
    );
    Ok(())
}

/// The last buffer of this kind that the log names, in bytes; there is one back end, so one line a load.
fn buffer(log: &str, kind: &str) -> Option<f64> {
    let wanted = format!("{kind} buffer size =");
    let line = log.lines().rev().find(|line| line.contains(&wanted))?;
    let (_, size) = line.split_once(&wanted)?;
    let mib: f64 = size.split_whitespace().next()?.parse().ok()?;
    Some(mib * 1_048_576.0)
}

/// CPU time of an idle daemon with its model loaded and its meter read twenty times a second.
pub(crate) async fn idle(report: &mut Report) -> anyhow::Result<()> {
    for source in ["model", "simulated"] {
        let mut house = House::up(&[("HOB_POWER__SOURCE", source)]).await?;
        house.ask(&[ask("warm", "You are short.", "Say hello.", 8)]).await?;
        tokio::time::sleep(Duration::from_secs(2)).await; // until threads that wait for more work have gone to sleep
        let (before, begun) = (house.cpu()?, Instant::now());
        tokio::time::sleep(WATCH).await;
        let used = house.cpu()? - before;
        let watched = begun.elapsed().as_secs_f64();
        let detail = format!("{used:.2} s of {watched:.0} s");
        report.row(
            format!("CPU time at rest, power from `{source}`, of one core"),
            100.0 * used / watched,
            "%",
            Target::Most(1.0),
            detail,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_buffer_of_a_kind_counts() {
        let log = "load_tensors:   CPU_Mapped model buffer size =    93.44 MiB\nCPU KV buffer size = 1.00 MiB\nCPU KV buffer size =  2.00 MiB\n";
        assert_eq!(super::buffer(log, "KV"), Some(2.0 * 1_048_576.0));
        assert_eq!(super::buffer(log, "model"), Some(93.44 * 1_048_576.0));
        assert_eq!(super::buffer(log, "output"), None);
    }
}

//! A week as a picture: charge, level, answers and brown-outs over time, as SVG.
//!
//! Promises: needs no font and no file; the viewer sets the text.
//! Deliberately absent: writing files; more than one policy in a picture.

use plotters::{
    coord::Shift,
    prelude::{ChartBuilder, Color, DrawingArea, IntoDrawingArea, LineSeries, RGBColor, SVGBackend, WHITE},
    style::IntoFont,
};

use crate::{
    number::{float, index},
    report::Report,
    tally::{Sample, Tally},
};

/// Width and height in pixels.
const SIZE: (u32, u32) = (1_000, 760);
/// Space for the numbers at the left, in pixels.
const LEFT: u32 = 90;

const BLUE: RGBColor = RGBColor(31, 92, 153);
const AMBER: RGBColor = RGBColor(214, 148, 22);
const GREEN: RGBColor = RGBColor(38, 125, 72);
const RED: RGBColor = RGBColor(190, 40, 40);
const GREY: RGBColor = RGBColor(150, 150, 150);

/// The picture could not be drawn; the cause is the drawing library's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chart could not be drawn: {0}; leave charts out to go on without")]
pub struct BadChart(String);

/// Pictures of the first week, one a policy: its name and the SVG.
///
/// # Errors
///
/// [`BadChart`] if the drawing library gives up.
pub fn charts(report: &Report) -> Result<Vec<(String, String)>, BadChart> {
    let weeks = report.policies.iter().zip(&report.tallies);
    weeks
        .filter_map(|(row, weeks)| weeks.first().map(|week| (row, week)))
        .map(|(row, week)| {
            let title = format!("{}, {}: week {}", report.scenario, row.policy, report.seed);
            Ok((row.policy.clone(), chart(&title, &report.levels, week)?))
        })
        .collect()
}

/// One policy's week.
///
/// # Errors
///
/// [`BadChart`] if the drawing library gives up.
pub fn chart(title: &str, levels: &[String], week: &Tally) -> Result<String, BadChart> {
    let mut svg = String::new();
    draw(&mut svg, title, levels, week).map_err(|why| BadChart(why.to_string()))?;
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;
type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(svg: &mut String, title: &str, levels: &[String], week: &Tally) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(title, ("sans-serif", 22).into_font())?;
    let panels = root.split_evenly((4, 1));
    let [charge, level, served, dark] = panels.as_slice() else { return Ok(()) };

    let samples = week.samples.as_slice();
    let sunniest = samples.iter().map(|sample| sample.sun).fold(1.0, f64::max);
    let percent = |part: f64| format!("{part:.0} %");
    let sun = (GREY, line(samples, |sample| Some(100.0 * sample.sun / sunniest)));
    let held = (BLUE, line(samples, |sample| sample.charge.map(|charge| 100.0 * charge)));
    panel(charge, &format!("charge (blue); sun, of {sunniest:.0} W (grey)"), 100.0, 5, &percent, &[sun, held])?;

    let name = |place: f64| {
        levels
            .iter()
            .enumerate()
            .find(|(at, _)| (index(*at) - place).abs() < 0.01)
            .map_or(String::new(), |(_, name)| name.clone())
    };
    let loaded = (GREEN, steps(samples, |sample| sample.level.map(index)));
    panel(level, "level in memory", index(levels.len()), levels.len() + 1, &name, &[loaded])?;

    let most = samples.last().map_or(1.0, |last| float(last.asked)).max(1.0);
    let count = |number: f64| format!("{number:.0}");
    let asked = (AMBER, line(samples, |sample| Some(float(sample.asked))));
    let told = (GREEN, line(samples, |sample| Some(float(sample.served))));
    panel(served, "prompts so far: asked (amber), answered in time (green)", most, 5, &count, &[asked, told])?;

    let cuts = (RED, steps(samples, |sample| Some(float(sample.brown_outs))));
    panel(dark, "brown-outs so far; days", float(week.brown_outs).max(1.0), 5, &count, &[cuts])?;
    root.present()?;
    Ok(())
}

/// Points in days; a gap where there is nothing to show.
type Line = Vec<Vec<(f64, f64)>>;

fn days(sample: &Sample) -> f64 {
    float(sample.at) / 8.64e10
}

fn line(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>) -> Line {
    samples
        .split(|sample| of(sample).is_none())
        .map(|run| run.iter().filter_map(|sample| Some((days(sample), of(sample)?))).collect())
        .collect()
}

/// What holds until it changes.
fn steps(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>) -> Line {
    let mut runs = line(samples, of);
    for run in &mut runs {
        let corners = run.windows(2).flat_map(|pair| match pair {
            [one, next] => vec![*one, (next.0, one.1)],
            _ => Vec::new(),
        });
        *run = corners.chain(run.last().copied()).collect();
    }
    runs
}

fn panel(
    area: &Panel<'_>,
    title: &str,
    top: f64,
    labels: usize,
    label: &dyn Fn(f64) -> String,
    lines: &[(RGBColor, Line)],
) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15).into_font())
        .margin_right(20)
        .x_label_area_size(22)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..7.0, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(WHITE)
        .x_labels(8)
        .x_label_formatter(&|day| format!("{day:.0}"))
        .y_labels(labels)
        .y_label_formatter(&|value| label(*value))
        .draw()?;
    for (color, runs) in lines {
        for run in runs.iter().filter(|run| !run.is_empty()) {
            chart.draw_series(LineSeries::new(run.iter().copied(), color.stroke_width(2)))?;
        }
    }
    Ok(())
}

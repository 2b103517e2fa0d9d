//! `cargo xtask bench trust`: the benches of `host/trust` beside their goals.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::process::cargo;

/// Arguments of `cargo xtask bench trust`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The figures as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

/// A line of the benches.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Figure {
    Ratio(Ratio),
    Bytes(Bytes),
}

/// Rate of ours over the rate of the bare operations in it, over all sweeps.
#[derive(Debug, Deserialize, Serialize)]
struct Ratio {
    name: String,
    at_least: f64,
    /// Median.
    ratio: f64,
    /// 5th percentile.
    ratio_p5: f64,
    /// 95th percentile.
    ratio_p95: f64,
    bare_us: f64,
    ours_us: f64,
}

/// On the wire.
#[derive(Debug, Deserialize, Serialize)]
struct Bytes {
    name: String,
    at_most_bytes: u64,
    bytes: u64,
}

/// The last line of `cargo xtask bench trust --json`.
#[derive(Debug, Serialize)]
struct Report {
    reached: bool,
    figures: Vec<Figure>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let figures = measure()?;
    let missed: Vec<_> = figures.iter().filter(|figure| !figure.is_reached()).map(Figure::name).collect();
    let missed = missed.join("`, `");
    if args.json {
        let report = Report { reached: missed.is_empty(), figures };
        writeln!(anstream::stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(anstream::stdout(), "{}", table(&figures))?;
    }
    if missed.is_empty() { Ok(()) } else { bail!("the goal is missed: `{missed}`") }
}

fn measure() -> anyhow::Result<Vec<Figure>> {
    let bench = ["bench", "--package", "m2m-trust", "--bench", "ratios", "--", "--json"];
    let output = cargo().args(bench).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("`cargo {}` failed: {}", bench.join(" "), output.status);
    }
    let text = String::from_utf8(output.stdout)?;
    let figures: Vec<_> = text.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect();
    if figures.is_empty() {
        bail!("`cargo {}` gave no figures", bench.join(" "));
    }
    figures.into_iter().collect()
}

impl Figure {
    fn name(&self) -> &str {
        match self {
            Self::Ratio(ratio) => &ratio.name,
            Self::Bytes(bytes) => &bytes.name,
        }
    }

    fn is_reached(&self) -> bool {
        match self {
            Self::Ratio(ratio) => ratio.ratio >= ratio.at_least,
            Self::Bytes(bytes) => bytes.bytes <= bytes.at_most_bytes,
        }
    }

    fn goal(&self) -> String {
        match self {
            Self::Ratio(ratio) => format!("≥ {} ×", ratio.at_least),
            Self::Bytes(bytes) => format!("≤ {} B", bytes.at_most_bytes),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Ratio(ratio) => format!("{:.3} ×", ratio.ratio),
            Self::Bytes(bytes) => format!("{} B", bytes.bytes),
        }
    }

    fn remark(&self) -> String {
        match self {
            Self::Ratio(Ratio { ratio_p5, ratio_p95, bare_us, ours_us, .. }) => {
                format!(
                    "{ratio_p5:.3} to {ratio_p95:.3} × in 9 of 10 sweeps; bare {bare_us:.1} µs, ours {ours_us:.1} µs"
                )
            }
            Self::Bytes(_) => String::new(),
        }
    }
}

fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|figure| figure.name().chars().count()).max().unwrap_or_default();
    let mut table = format!("{:width$}  {:>9}  {:>9}\n", "", "goal", "figure");
    for figure in figures {
        let (name, goal, found, remark) = (figure.name(), figure.goal(), figure.found(), figure.remark());
        table += format!("{name:width$}  {goal:>9}  {found:>9}  {remark}").trim_end();
        table += "\n";
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATIO: &str =
        r#"{"name":"a","at_least":0.5,"ratio":0.5,"ratio_p5":0.4,"ratio_p95":0.6,"bare_us":1,"ours_us":2}"#;

    #[track_caller]
    fn check(line: &str, reached: bool) {
        let figure: Figure = serde_json::from_str(line).unwrap();
        assert_eq!(figure.is_reached(), reached, "{line}");
    }

    #[test]
    fn the_median_and_the_bytes_count() {
        check(RATIO, true);
        check(&RATIO.replace(r#""ratio":0.5"#, r#""ratio":0.499"#), false);
        check(r#"{"name":"b","at_most_bytes":110,"bytes":110}"#, true);
        check(r#"{"name":"b","at_most_bytes":110,"bytes":111}"#, false);
    }

    #[test]
    fn the_table_has_goal_and_figure_of_each() {
        let figures = [RATIO, r#"{"name":"longer","at_most_bytes":110,"bytes":109}"#];
        let figures = figures.map(|line| serde_json::from_str(line).unwrap());
        let expected = "             goal     figure\n\
                        a         ≥ 0.5 ×    0.500 ×  0.400 to 0.600 × in 9 of 10 sweeps; bare 1.0 µs, ours 2.0 µs\n\
                        longer    ≤ 110 B      109 B\n";
        assert_eq!(table(&figures), expected);
    }
}

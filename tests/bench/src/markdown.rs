//! What is printed, and put between marks into a document: tables in Markdown, and
//! there the plots beside them.
//!
//! A block lies between `<!-- bench NAME -->` and `<!-- end -->`. A run of some
//! scenarios replaces their blocks and leaves the others.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::aim::FEWEST_PAIRS;
use crate::compare::{AgainstPeer, Alone, Comparison};
use crate::options::Options;
use crate::row::Measure;
use crate::scenarios::{Scenario, Served};

/// Where plots go, beside the document that shows them.
const PLOTS: &str = "tests/bench/plots";

/// A text and the name of the marks it belongs between.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// A scenario with a load: a table for each peer.
pub(crate) fn served(
    scenario: &Scenario,
    served: &Served,
    comparison: &Comparison,
    options: &Options,
    seconds: u32,
) -> String {
    let mut text = format!(
        "**{}**: {}; {}, {seconds} s a run, access logs {}.\n",
        scenario.name,
        scenario.about,
        served.load,
        options.access_log.choose("on", "off"),
    );
    if comparison.peers.is_empty() || !comparison.alone.aims.is_empty() {
        text.push_str(&alone(served.ours.name, &comparison.alone));
    }
    for peer in &comparison.peers {
        text.push_str(&table(served.ours.name, peer));
        text.push_str(&each(served, peer));
    }
    text
}

/// How the memory that ours has more than a peer is divided, if that is of interest.
fn each(served: &Served, against: &AgainstPeer) -> String {
    let resident = against.measures.iter().find(|compared| compared.measure == Measure::Resident);
    let (Some(count), Some(resident)) = (served.each, resident) else { return String::new() };
    let count = count();
    let kibibytes = (resident.ours.median - resident.theirs.median) / (count - 1) as f64 / 1024.0;
    format!("\nEach of {count} handlers takes {kibibytes:.0} KiB of resident memory.\n")
}

/// The values, where there is nobody to compare with or an aim is for a value.
fn alone(name: &str, alone: &Alone) -> String {
    let Alone { rounds, calm, measures, aims } = alone;
    let mut text = format!("\n| {calm} calm rounds of {rounds} | {name} | middle half |\n|---|--:|--:|\n");
    for (measure, spread) in measures {
        let show = |value| measure.show(value);
        let (median, low, high) = (show(spread.median), show(spread.low), show(spread.high));
        // Writing to a String cannot fail.
        writeln!(text, "| {} | {median} | {low} to {high} |", measure.name()).ok();
    }
    for (aim, verdict) in aims {
        let bound = aim.bound.describe(|value| aim.measure.show(value));
        writeln!(text, "\nAim: {} {bound}: {verdict}.", aim.measure.name()).ok();
    }
    text
}

pub(crate) fn table(ours: &str, against: &AgainstPeer) -> String {
    let AgainstPeer { peer, rounds, calm, measures, aims } = against;
    // Writing to a String cannot fail.
    let mut text = format!("\n| {calm} calm pairs of {rounds} | {ours} | {peer} | ratio | middle half |\n");
    text.push_str("|---|--:|--:|--:|--:|\n");
    for compared in measures {
        let (measure, ratio) = (compared.measure, compared.ratio);
        writeln!(
            text,
            "| {} | {} | {} | **{:.2}** | {:.2} to {:.2} |",
            measure.name(),
            measure.show(compared.ours.median),
            measure.show(compared.theirs.median),
            ratio.median,
            ratio.low,
            ratio.high,
        )
        .ok();
    }
    if *calm < FEWEST_PAIRS {
        writeln!(text, "\nInconclusive: the machine was calm for {calm} pairs only.").ok();
    }
    for (aim, verdict) in aims {
        writeln!(text, "\nAim: {} {} × that of {peer}: {verdict}.", aim.measure.name(), aim.bound).ok();
    }
    text
}

/// Writes the plot of a scenario for `file`, and gives the line that shows it there.
pub(crate) fn plot(file: &Path, name: &str, svg: &str) -> Result<String> {
    let folder = file.parent().unwrap_or(Path::new("")).join(PLOTS);
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let plot = folder.join(format!("{name}.svg"));
    fs::write(&plot, svg).with_context(|| format!("could not write {}", plot.display()))?;
    Ok(format!("\n![the ratios of {name}]({PLOTS}/{name}.svg)\n"))
}

/// Replaces the blocks in `file`, and nothing else of it.
pub(crate) fn update(file: &Path, blocks: &[Block]) -> Result<()> {
    let mut text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    for block in blocks {
        text = replace(&text, block).with_context(|| format!("could not update {}", file.display()))?;
    }
    fs::write(file, text).with_context(|| format!("could not write {}", file.display()))
}

fn replace(text: &str, block: &Block) -> Result<String> {
    let begin = format!("<!-- bench {} -->\n", block.name);
    let Some((before, rest)) = text.split_once(&begin) else {
        bail!("it has no line {}", begin.trim());
    };
    let Some((_, after)) = rest.split_once("<!-- end -->") else {
        bail!("{} has no <!-- end --> after it", begin.trim());
    };
    Ok(format!("{before}{begin}{}<!-- end -->{after}", block.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_the_rest_stays() {
        let text = "a\n<!-- bench x -->\nold\n<!-- end -->\nb\n<!-- bench y -->\n<!-- end -->\n";
        let block = |name| Block { name, text: "new\n".to_owned() };
        let once = replace(text, &block("x")).unwrap();
        assert_eq!(once, text.replace("old", "new"));
        assert_eq!(replace(&once, &block("x")).unwrap(), once);
        assert!(replace(text, &block("y")).unwrap().ends_with("<!-- bench y -->\nnew\n<!-- end -->\n"));
        assert!(replace(text, &block("z")).unwrap_err().to_string().contains("bench z"));
        assert!(replace("<!-- bench x -->\n", &block("x")).is_err());
    }
}
